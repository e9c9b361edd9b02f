# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys

from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import Done, run


def test_what_a_program_says_is_one_line_without_the_password_of_a_url() -> None:
    said = Done(1, "Failed to open\n", "rtsp://user:a-secret-password@camera/1: refused").said
    assert said == "Failed to open rtsp://********@camera/1: refused"


def test_a_password_with_an_at_sign_is_not_shown_either() -> None:
    assert Done(1, "rtsp://user:p@ss@camera/a@b: refused").said == "rtsp://********@camera/a@b: refused"


def test_a_password_is_not_cut_in_two() -> None:
    said = Done(1, "x" * 280 + " rtsp://user:a-secret-password@camera/1").said
    assert len(said) == 300
    assert "user" not in said


def test_a_program_reads_its_input_and_has_an_exit_code() -> None:
    done = run([sys.executable, "-c", "import sys; print(sys.stdin.read()); sys.exit(3)"], None, "a text")
    assert (done.code, done.output.strip()) == (3, "a text")
    assert run(["/nowhere/program"]).code == 127
