/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/command.h"

#include "base/text.h"

#include <limits.h>
#include <string.h>

/* clang-format off */
const Command command_table[] = {
    {"archive-get", "NAME PATH", "fetch a file of WAL from the archive (restore_command)",
        "PostgreSQL's restore_command: restore_command = 'pgstrata archive-get %f %p'. It leaves with 0 when the file is there "
        "and was checked, with 1 when it is proven that no repository has it, and with 200, on which recovery stops, in every "
        "other case: a repository that does not answer, a damaged file, a gap, a mistake in the command line or the "
        "configuration. So a fault is never taken for the end of WAL.\n"
        "A standby with primary_conninfo gets 1 for a fault, once retry-timeout has passed, so that streaming goes on; "
        "without primary_conninfo the command waits until the fault is gone.",
        .run = cmd_archive_get, .set = FOR_ARCHIVE_GET, .words_min = 2, .words_max = 2,
        .rule = EXIT_RULE_ARCHIVE_GET},
    {"archive-push", "PATH", "store a file of pg_wal in every repository (archive_command)",
        "PostgreSQL's archive_command: archive_command = 'pgstrata archive-push %p'. Done means durable in every repository. "
        "The same file again is fine; other content under a name that is archived is refused, and so is WAL of another "
        "cluster, of a copy, or of a timeline that nothing shows to be the rightful one (see takeover). Segments that wait "
        "behind it are archived too, for at most two seconds. Every failure leaves with a status between 1 and 125, so that "
        "PostgreSQL tries again and counts it.",
        .run = cmd_archive_push, .set = FOR_ARCHIVE_PUSH, .words_min = 1, .words_max = 1,
        .rule = EXIT_RULE_ARCHIVE_PUSH},
    {"backup", "", "back up a cluster",
        "Copies the files of a running server between its start and stop of a backup, and commits the copy only when "
        "all WAL it needs is in every repository. Ctrl-C at any moment leaves the server and the repository as they "
        "were. A damaged page is reported with its relation, file and block, and the backup is marked.\n"
        "With --offline the server must have been stopped in order. With --self-check every block that is taken from an "
        "older backup is compared with the server's; one that changed without WAL ends the backup with exit status 5.",
        .run = cmd_backup, .set = FOR_BACKUP},
    {"check", "", "find out whether the cluster is protected at this moment",
        "Asks, for every cluster or the one asked for, one question after the other and prints a line for each: configuration, folders, markers, repositories, "
        "freshness against rpo, the newest backup, gaps, commits of this host, server, settings, "
        "archiver, room, generation and timeline, clocks. At the end the server is made to archive a segment, which must be found in every repository. Nothing else is "
        "written. An idle server, all of whose work is archived, is fresh.\n"
        "The exit status tells: 0 all is well, 3 a human must look, 4 newer work than rpo allows is not safe, 6 a gap, "
        "9 a repository and 10 the server do not answer, 1 archiving does not work. Let it run by a timer.",
        .run = cmd_check, .set = FOR_CHECK},
    {"config show", "", "show every setting and where it comes from",
        "Prints the settings that count, each with its origin: command line, environment variable, file and line, or "
        "default. What is wrong with the configuration is told as by every other command.",
        .run = cmd_config_show, .set = FOR_CONFIG},
    {"expire", "", "remove what no promise wants any more",
        "Judges every backup by the promises of --retention, in each repository by what that one holds. What nothing wants is "
        "condemned; what was condemned at least --expire-grace ago and is still not wanted is removed, with the packs on which no "
        "other backup draws and the WAL that neither a promise nor a backup needs. The last good backup, pinned ones and those of "
        "other branches stay; so do all timeline history files. It may be broken off at any time and run on several hosts at "
        "once, beside backups: the next run goes on. It runs after every backup unless that is told --no-expire.\n"
        "With --dry-run it says which promise keeps each backup, or why and when it goes; --verbose lists every object. With "
        "--backup one backup is removed by hand, after the grace, although it was promised; the last good one and a pinned one "
        "only with --force. With --drop-timeline the backups and the WAL that a timeline holds beside the production branch are "
        "given up.",
        .run = cmd_expire, .set = FOR_EXPIRE},
    {"help", "[COMMAND]", "show help, for one command or all",
        "Without a command lists the commands there are.",
        .run = cmd_help, .set = FOR_HELP, .words_max = 2},
    {"info", "[BACKUP]", "show backups, recoverable moments and gaps",
        "Shows, for every cluster or the one asked for, the moments it can be restored to, how much work is not "
        "archived yet, the backups, the archived WAL of each timeline and the gaps in it with the backups they break. "
        "With the label of a backup, everything that is known about that one.\n"
        "Nothing is verified: that is what verify is for.",
        .run = cmd_info, .set = FOR_INFO, .words_max = 1},
    {"pin", "BACKUP", "keep a backup whatever is promised",
        "The backup stays, with the WAL that makes it consistent, until it is unpinned. --note says why; info shows it.",
        .run = cmd_pin, .set = FOR_PIN, .words_min = 1, .words_max = 1},
    {"repo repair", "", "make good what verify finds damaged or missing",
        "Verifies every repository of the cluster whole and makes good what is damaged, or missing and needed: computes a part "
        "of an object anew where the rest proves it, copies the object from another repository that has it sound, or builds a "
        "WAL object anew from its frames. A damaged object is set aside below quarantine/ in its repository, never thrown "
        "away; what is good is not touched. Then everything that was wrong is verified again. It needs the right to remove objects.\n"
        "With --dry-run it says what it would do. The exit status is that of verify: 0 when nothing is wrong any more, 5 "
        "or 6 while something is; what could not be repaired is named with what it breaks. A repair that was cut off is ended by running it again.",
        .run = cmd_repair, .set = FOR_REPO_REPAIR},
    {"restore", "", "bring the cluster back to a moment",
        "Chooses the newest backup from which the target can be reached, checks that all WAL up to there is in the "
        "repository, and only then writes. Without a target it recovers to the latest there is.\n"
        "In place it takes over the configured data directory, which must not be in use; a person is asked first, or "
        "--yes is given. WAL that the archive has not got is salvaged from it first. With --to-dir it makes a clone: "
        "archiving is off, and tablespaces go below the clone's own folder unless they are mapped, by name or number. With "
        "--standby it follows the archive, and streams from the primary of --primary-conninfo.\n"
        "A restore that was cut off is ended by running it again.",
        .run = cmd_restore, .set = FOR_RESTORE},
    {"setup", "", "bring a running cluster under protection, and prove it",
        "Finds the running server (--pgdata, --host, --port, or the only one of the machine), adds the cluster and its "
        "repository (--repo-url) to the configuration file, creates repository and generation, and sets wal_level, "
        "archive_mode, archive_command and archive_timeout with ALTER SYSTEM. Then the server is made to archive a "
        "segment, which must be found in every repository.\n"
        "An archive_command of somebody else is kept, and setup refused, unless --replace is given. A restart that "
        "is needed is made only with --restart. --dry-run says all this and changes nothing. As root, setup acts "
        "for the owner of the data directory. It may be run again at any time.",
        .run = cmd_setup, .set = FOR_SETUP},
    {"takeover", "[TIMELINE]", "make a timeline the rightful one after archive-push refused it",
        "Says what it means that the timeline (left out: the one the data directory is on) becomes the production branch, and "
        "with --yes makes it so: one record is written into every repository, what the archive lacks of its ancestors is "
        "stored, and the mark of a copy is taken away. Use it when the old server is gone for good. Nothing in the archive is "
        "changed or removed.",
        .run = cmd_takeover, .set = FOR_TAKEOVER, .words_max = 1},
    {"unpin", "BACKUP", "let a pinned backup expire as it was promised",
        "Takes back what pin said. The next expire judges the backup by the promises alone.",
        .run = cmd_unpin, .set = FOR_UNPIN, .words_min = 1, .words_max = 1},
    {"verify", "", "check every byte of the repositories",
        "Reads every object of every cluster, or of the one asked for, in each of its repositories and checks it; follows every backup to the last "
        "extent of its manifest and to the WAL it needs; names what is damaged or missing, what that breaks and what "
        "to do, and says from when to when each backup restores. Pages of relations are checked as the backup checked them: "
        "one that it did not tell of is named. With --quick only names, sizes and the small objects of backups are looked at; with --backup only "
        "what one backup needs; with --since-last what was read before on this host, and has kept size and time, is not read again.\n"
        "The exit status is 5 when something is damaged or missing, 6 when WAL of a backup is missing, 3 when there is "
        "a gap behind a backup that breaks none, or a file that does not belong here, 1 when a newer pgstrata wrote an object. Where the "
        "backups were made, a commit that was lost is damage too; elsewhere it looks like an interrupted backup.",
        .run = cmd_verify, .set = FOR_VERIFY},
    {"version", "", "show the version",
        "Prints the version of pgstrata.",
        .run = cmd_version, .set = FOR_VERSION},
    {"wal-index", "NAME|FILE...", "show what segments of WAL hold",
        "Prints the index of archived segments, by name, or of files (a path with a slash): records, transactions and "
        "their times, what changed about the server; the changed blocks of each relation, as tablespace/database/file by their "
        "numbers; rows inserted, updated and deleted; which transactions committed and which rolled back; those that "
        "dropped, cut or truncated something or changed much, with the LSN and time of their commit; and how much of records "
        "crosses the borders. The index is stored beside every archived segment; it is made on the spot for a file, and "
        "where none is stored. Of long lists --output json has all.",
        .run = cmd_wal_index, .set = FOR_WAL_INDEX, .words_min = 1, .words_max = UINT_MAX},
    {0},
};
/* clang-format on */

enum { COMMANDS_MAX = 64 };

static bool begins_with(const char *name, const char *const *words, size_t word_count, size_t *out_used)
{
    const char *const blank = strchr(name, ' ');
    const size_t first_len = blank ? (size_t)(blank - name) : strlen(name);
    if (strncmp(words[0], name, first_len) != 0 || words[0][first_len])
        return false;
    if (blank && (word_count < 2 || !text_equal(words[1], blank + 1)))
        return false;
    *out_used = blank ? 2 : 1;
    return true;
}

/* What is near: to the first word, or to both. */
static const char *nearest(const char *const *words, size_t word_count)
{
    const char *names[COMMANDS_MAX];
    size_t count = 0;
    for (const Command *command = command_table; command->name; command++)
        names[count++] = command->name;
    names[count] = NULL;
    AUTO(buf_done) Buf both = {0};
    buf_addf(&both, "%s %s", words[0], word_count > 1 ? words[1] : "");
    const char *const by_both = text_nearest(buf_text(&both), names);
    if (by_both)
        return by_both;
    for (size_t i = 0; i < count; i++) {
        const size_t len = strcspn(names[i], " ");
        if (strlen(words[0]) == len && strncmp(words[0], names[i], len) == 0)
            return names[i]; /* "config" alone */
    }
    return text_nearest(words[0], names);
}

Err *command_find(const Command **out, size_t *out_used, const char *const *words, size_t word_count)
{
    if (!word_count)
        return err_hint(ERR(USAGE, "no command given"), "\"pgstrata help\" lists the commands");
    for (const Command *command = command_table; command->name; command++) {
        if (begins_with(command->name, words, word_count, out_used)) {
            *out = command;
            return NULL;
        }
    }
    Err *const err = ERR(USAGE, "unknown command \"%s\"", words[0]);
    const char *const near = nearest(words, word_count);
    return near ? err_hint(err, "did you mean \"%s\"?", near)
                : err_hint(err, "\"pgstrata help\" lists the commands");
}
