# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of ffmpeg under which nothing could be sent. Those that could show the key are in test_media."""

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.ffmpeg_options import (
    input_options,
    output_options,
)

COPIES = ["-c", "-c:v", "-c:v:0", "-codec", "-codec:v", "-vcodec", "-c:a", "-acodec", "-codec:a:0"]


@pytest.mark.parametrize(
    "word",
    [
        *("-vf", "-af", "-filter:v", "-filter", "-b", "-b:v", "-b:a:1", "-ab", "-maxrate", "-bufsize", "-g", "-preset"),
        *("-crf", "-shortest", "-x264-params"),
    ],
)
def test_what_ffmpeg_applies_to_an_output_alone_is_no_option_of_a_source(word: str) -> None:
    with pytest.raises(InvalidInput, match=rf"here: {word} is no option of what ffmpeg reads\. .*output_options"):
        input_options(["-re", word, "x"], "here")


@pytest.mark.parametrize("words", [["-c:v", "h264_cuvid"], ["-vsync", "0"], ["-r", 25], ["-an"], ["-bsf:v", "null"]])
def test_what_ffmpeg_applies_to_an_input_is_left_as_it_is(words: list[object]) -> None:
    assert input_options(words, "here") == [str(word) for word in words]


@pytest.mark.parametrize("word", COPIES)
@pytest.mark.parametrize("name", ["1080p30", "720p30", "x264", "audio_only", "copy"])
def test_a_track_that_is_filtered_is_not_copied(word: str, name: str) -> None:
    if name == "copy" or (name == "audio_only" and "v" in word):
        assert output_options([word, "copy"], name, "here") == [word, "copy"]
    else:
        with pytest.raises(
            InvalidInput, match=rf"{word} copy copies what the profile {name} filters\. Use the profile"
        ):
            output_options([word, "copy"], name, "here")


def test_another_encoder_may_be_chosen_and_a_subtitle_be_copied() -> None:
    words = ["-c:v", "h264_nvenc", "-c:s", "copy", "-metadata", "copy"]
    assert output_options(words, "x264", "here") == words


@pytest.mark.parametrize("words", [["-vf"], ["-vf", "-an"], ["-an", "-af"]])
def test_a_filter_has_a_value(words: list[str]) -> None:
    with pytest.raises(InvalidInput, match="needs a filter after it"):
        output_options(words, "x264", "here")
