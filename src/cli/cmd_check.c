/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "cli/each_cluster.h"
#include "cli/local_time.h"
#include "conf/resolve.h"
#include "job/check.h"
#include "os/user.h"

static const char *verdict_word(CheckVerdict verdict)
{
    static const char *const words[] = {
        [CHECK_GOOD] = "ok", [CHECK_WARNING] = "warn", [CHECK_FAULT] = "fail", [CHECK_SKIPPED] = "skip"};
    return words[verdict];
}

/* With the rights that count: the server's user's. With a stranger's every answer would mislead. A directory that is not
 * there is the check's business. */
static Err *owner_borrow(UserLoan *out, CommandCall *call, const ClusterOptions *cluster)
{
    Err *err = cluster->pgdata ? user_loan_begin(out, cluster->pgdata) : NULL;
    if (!err || err_is(err, ERR_DENIED))
        return err;
    report_fault(call->report, err);
    return NULL;
}

/* With --quiet only what needs a human. */
static bool is_shown(const CommandCall *call, const CheckLine *line)
{
    return line->verdict == CHECK_WARNING || line->verdict == CHECK_FAULT ||
           !settings_flag(call->settings, OPT_QUIET);
}

static void line_show(Output *output, const CheckLine *line)
{
    AUTO(buf_done) Buf text = {0};
    local_times_add(&text, line->text);
    output_text(output, "%-4s  %-13s  %s\n", verdict_word(line->verdict), line->name, buf_text(&text));
}

static void lines_show(const CommandCall *call, const CheckResult *result, const char *cluster)
{
    bool is_begun = false;
    for (size_t i = 0; i < result->count; i++) {
        if (!is_shown(call, &result->lines[i]))
            continue;
        if (!is_begun)
            each_cluster_heading(call, cluster);
        is_begun = true;
        line_show(call->output, &result->lines[i]);
    }
}

static json_t *lines_json(const CheckResult *result)
{
    json_t *const lines = json_array();
    for (size_t i = 0; i < result->count; i++) {
        const CheckLine *const line = &result->lines[i];
        json_array_append_new(lines,
                              json_pack("{s:s, s:s, s:o}", "name", line->name, "verdict",
                                        verdict_word(line->verdict), "text", output_json_text(line->text)));
    }
    return lines;
}

static Err *cluster_check(CommandCall *call, const ClusterOptions *cluster, json_t *to)
{
    AUTO(user_loan_end) UserLoan loan = {0}; /* the next cluster may have another owner */
    CheckResult result;
    TRY(owner_borrow(&loan, call, cluster));
    Err *const err = check_run(&result, cluster, call->report, call->arena);
    lines_show(call, &result, cluster->name);
    json_object_set_new(to, "checks", lines_json(&result));
    return err;
}

Err *cmd_check(CommandCall *call)
{
    return each_cluster(call, cluster_check);
}
