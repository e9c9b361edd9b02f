# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment variables that a program started by a test needs, so that its coverage is measured."""

from __future__ import annotations

import os


def measuring() -> dict[str, str]:
    """Return the variables that make a Python process measure its coverage; none unless coverage is measured."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
