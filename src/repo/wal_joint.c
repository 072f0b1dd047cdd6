/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "repo/wal_joint.h"

#include "base/crc32c.h"
#include "pg/wal_page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    RECORD_CRC_AT = 20
}; /* src/include/access/xlogrecord.h: the checksum ends the head and does not cover itself */

/* ---- what a segment says */

static Span begin_copy(uint8_t *to, size_t size, Span bytes)
{
    const Span begin = span_cut(bytes, 0, size);
    memcpy(to, begin.ptr, begin.len);
    return span_cut(bytes, begin.len, SIZE_MAX);
}

/* What is declared void before any record is whole: only that can have begun before the segment. */
static Lsn void_first(const WalSummary *summary)
{
    for (uint32_t i = 0; i < summary->event_count; i++) {
        const WalEvent *const event = wal_summary_event(summary, i);
        if (event->kind == WAL_EVENT_OVERWRITE && event->lsn.at < summary->progress.first.at)
            return event->lsn;
    }
    return (Lsn){0};
}

WalJoint wal_joint_of(const WalSummary *summary, const WalSeams *seams)
{
    const WalProgress *const progress = &summary->progress;
    WalJoint joint = {.first_prev = seams->first_prev,
                      .last = seams->last,
                      .next = progress->next,
                      .voids = void_first(summary),
                      .open_start = progress->open_start,
                      .open_total_bytes = seams->tail_total_bytes,
                      .open_here_bytes = seams->tail_bytes,
                      .head_total_bytes = seams->head_total_bytes,
                      .is_cut = progress->end != WAL_END_NONE,
                      .has_all_events = !summary->events_dropped,
                      .has_tail = seams->tail.len == seams->tail_bytes,
                      .has_head = seams->head.len == seams->head_total_bytes};
    const Span body = begin_copy(joint.tail_begin, sizeof joint.tail_begin, seams->tail);
    const Span rest = begin_copy(joint.head_begin, sizeof joint.head_begin, seams->head);
    joint.tail_crc = crc32c_add(CRC32C_INIT, body.ptr, body.len);
    joint.head_crc = crc32c_add(0, rest.ptr, rest.len);
    return joint;
}

/* ---- one behind the other */

/* Always true, so that checks can return it. */
__attribute__((format(printf, 2, 3))) static bool broken(WalBreak *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out->text, sizeof out->text, format, args);
    va_end(args);
    out->is_there = true;
    return true;
}

/* Bytes of records that fit between two places: all but the heads of the pages that begin there. */
static uint64_t record_room(uint64_t from, uint64_t to, uint32_t segment_bytes)
{
    const uint64_t pages = (to - 1) / PAGE_BYTES - (from - 1) / PAGE_BYTES;
    const uint64_t segments = (to - 1) / segment_bytes - (from - 1) / segment_bytes;
    return to - from - pages * WAL_PAGE_HEAD_BYTES -
           segments * (WAL_PAGE_LONG_HEAD_BYTES - WAL_PAGE_HEAD_BYTES);
}

static uint64_t segment_room(WalName name)
{
    const uint64_t begin = wal_name_start(name).at;
    return record_room(begin, begin + name.segment_bytes, name.segment_bytes);
}

/* CRC of bytes that are not at hand: a CRC-32C is linear, so the state over them is that over as many zeros, with what they
 * give from a state of 0 added. */
static uint32_t crc_join(uint32_t state, uint32_t crc, size_t size)
{
    static const uint8_t zeros[4096];
    for (size_t left = size; left;) {
        const size_t some = left < sizeof zeros ? left : sizeof zeros;
        state = crc32c_add(state, zeros, some);
        left -= some;
    }
    return state ^ crc;
}

/* The record's head as it stands, put together from both sides of the border, and the checksum of the whole. */
static uint32_t joined_crc(WalRecordHead *head, const WalJoint *before, const WalJoint *after)
{
    uint8_t bytes[WAL_RECORD_HEAD_BYTES];
    const size_t here = before->open_here_bytes < sizeof bytes ? before->open_here_bytes : sizeof bytes;
    const size_t there = sizeof bytes - here;
    const size_t begin =
        after->head_total_bytes < WAL_JOINT_HEAD_BYTES ? after->head_total_bytes : WAL_JOINT_HEAD_BYTES;
    memcpy(bytes, before->tail_begin, here);
    memcpy(bytes + here, after->head_begin, there);
    *head = wal_record_head_decode(bytes);
    uint32_t crc = crc32c_add(before->tail_crc, after->head_begin + there, begin - there);
    crc = crc_join(crc, after->head_crc, after->head_total_bytes - begin);
    return crc32c_end(crc32c_add(crc, bytes, RECORD_CRC_AT));
}

static bool prev_breaks(WalBreak *out, const WalChain *chain, Lsn prev)
{
    if (!lsn_is_valid(prev) || !lsn_is_valid(chain->last) || prev.at == chain->last.at)
        return false;
    return broken(out, "it goes on behind a record at %s, the one before ends with that at %s",
                  lsn_text(prev).text, lsn_text(chain->last).text);
}

/* Are all bytes of the record that crosses the border at hand? What an index says may contradict itself. */
static bool is_joined(const WalChain *chain, const WalJoint *joint)
{
    const WalJoint *const before = &chain->before;
    return !chain->is_long && before->has_tail && joint->has_head &&
           before->open_total_bytes >= WAL_RECORD_HEAD_BYTES &&
           before->open_here_bytes >= WAL_RECORD_HEAD_BYTES - WAL_JOINT_HEAD_BYTES &&
           before->open_here_bytes + joint->head_total_bytes == before->open_total_bytes;
}

static void record_forget(WalChain *chain)
{
    chain->open_start = (Lsn){0};
    chain->open_left_bytes = 0;
}

/* The open record ends in this segment. */
static bool record_breaks(WalBreak *out, WalChain *chain, const WalJoint *joint)
{
    const Lsn start = chain->open_start;
    WalRecordHead head;
    record_forget(chain);
    if (is_joined(chain, joint)) {
        const uint32_t crc = joined_crc(&head, &chain->before, joint);
        if (crc != head.crc)
            return broken(out, "the record at %s and its end here do not belong together",
                          lsn_text(start).text);
        if (prev_breaks(out, chain, head.prev))
            return true;
    }
    chain->last = start;
    return false;
}

static bool is_void(const WalChain *chain, const WalJoint *joint)
{
    const bool is_told = lsn_is_valid(chain->open_start) ? joint->voids.at == chain->open_start.at
                                                         : lsn_is_valid(joint->voids);
    return chain->open_left_bytes && (is_told || (!joint->has_all_events && !joint->head_total_bytes));
}

static bool border_breaks(WalBreak *out, WalChain *chain, const WalJoint *joint, WalName name)
{
    const uint64_t border = wal_name_start(name).at;
    if (chain->before.is_cut)
        return broken(out, "the records of the one before end at %s", lsn_text(chain->before.next).text);
    const uint64_t left = chain->open_left_bytes;
    if (is_void(chain, joint)) {
        record_forget(chain);
        return false;
    }
    if (joint->head_total_bytes != left)
        return broken(out,
                      "%" PRIu64
                      " bytes are missing of the last record of the one before, it goes on with %" PRIu32,
                      left, joint->head_total_bytes);
    if (!left)
        return lsn_is_valid(chain->before.next) && chain->before.next.at < border &&
               broken(out, "the records of the one before end at %s", lsn_text(chain->before.next).text);
    const uint64_t room = segment_room(name);
    if (left <= room)
        return record_breaks(out, chain, joint);
    chain->open_left_bytes -= room;
    chain->is_long = true;
    return false;
}

static void joint_take(WalChain *chain, const WalJoint *joint, WalName name)
{
    chain->is_begun = true;
    if (lsn_is_valid(joint->last))
        chain->last = joint->last;
    if (chain->open_left_bytes) { /* the record fills this segment */
        chain->before.is_cut |= joint->is_cut;
        return;
    }
    const uint64_t room = segment_room(name);
    chain->before = *joint;
    chain->is_long = joint->head_total_bytes > room; /* the chain begins within a record */
    chain->open_start = joint->open_start;
    if (chain->is_long)
        chain->open_left_bytes = joint->head_total_bytes - room;
    else if (lsn_is_valid(joint->open_start))
        chain->open_left_bytes = joint->open_total_bytes -
                                 record_room(joint->open_start.at, wal_name_end(name).at, name.segment_bytes);
}

void wal_chain_add(WalBreak *out, WalChain *chain, const WalJoint *joint, WalName name)
{
    *out = (WalBreak){.is_there = false};
    if (chain->is_begun &&
        (border_breaks(out, chain, joint, name) || prev_breaks(out, chain, joint->first_prev)))
        *chain = (WalChain){.is_begun = false};
    joint_take(chain, joint, name);
}
