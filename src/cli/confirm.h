/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */

/* cli/confirm.h - a person agrees before something is lost */
#pragma once

#include "base/err.h"

/* Asks on the terminal: "LOSS; WHAT loses what is in it. Go on? [y/N]". NULL when the answer is yes. REFUSED on any other
 * one, and where nobody can answer: standard input or standard error is no terminal; the hint names --yes. CANCELED. */
MUST Err *confirm_loss(const char *loss, const char *what);
