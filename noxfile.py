# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions of antsibull-nox, which antsibull-nox.toml describes."""

from __future__ import annotations

import antsibull_nox

antsibull_nox.load_antsibull_nox_toml()
