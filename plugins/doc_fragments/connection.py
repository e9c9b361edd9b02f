# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
notes:
  - An empty option (null, or text of blanks only) counts as not given, for example from an empty cell of a table. The
    value then comes from the variable, the environment or the default. Only an empty description counts as given. It
    removes the description. Blanks and line ends around texts are dropped, except for titles and descriptions.
  - The keyword C(environment) of a play, block or task has an effect for E(TENBYTE_API_KEY) and the other variables
    whose names begin with C(TENBYTE_), for E(XDG_DATA_HOME), for E(PGPASSWORD) and the other variables of libpq, and
    for variables that name proxies and certificates. Other names (C(HOME), C(PATH)) have no effect on the controller.
  - Lookups do not see that keyword. If it names the ledger, name the ledger in P(tenbyte.webinar.stream_key#lookup)
    too.
  - Gathered facts include the environment of a host, with the credentials in it. Set C(gather_facts=false) if a fact
    cache is configured. The actions warn if a credential is in a fact cache.
options:
  api_url:
    description:
      - Base URL of the webinar API.
      - Plain C(http) is refused unless the host is a loopback address or O(allow_http=true).
      - Default is C(https://api.tenbyte.io/v1/webinar).
      - The environment variables E(HTTPS_PROXY), E(HTTP_PROXY), E(ALL_PROXY) and E(NO_PROXY) are used, but never for a
        loopback address. Redirects are not followed, C(.netrc) is not read, and cookies are not kept.
      - If not given, the variable C(tenbyte_api_url) or the environment variable E(TENBYTE_API_URL) is used.
    type: str
  api_key:
    description:
      - API key of the account that owns the rooms, sent as the header C(X-API-Key).
      - Exactly one of O(api_key) and O(api_token) is needed.
      - If neither is given, the variable C(tenbyte_api_key) or the environment variable E(TENBYTE_API_KEY) is used.
    type: str
  api_token:
    description:
      - Bearer token of the account that owns the rooms.
      - Exactly one of O(api_key) and O(api_token) is needed.
      - If neither is given, the variable C(tenbyte_api_token) or the environment variable E(TENBYTE_API_TOKEN) is used.
    type: str
  allow_http:
    description:
      - Whether O(api_url) may be plain C(http) to a host that is not this machine.
      - The credential and the stream keys are then readable on the network.
      - The variable C(tenbyte_allow_http) or the environment variable E(TENBYTE_ALLOW_HTTP) may set it too. Default is
        V(false).
    type: bool
  validate_certs:
    description:
      - Whether the certificate of the service is checked. No environment variable of a library overrides this option.
      - The variable C(tenbyte_validate_certs) or the environment variable E(TENBYTE_VALIDATE_CERTS) may set it too.
        Default is V(true).
    type: bool
  ca_path:
    description:
      - File with the certificates of the authorities to trust, in PEM.
      - The variable C(tenbyte_ca_path) or the environment variable E(TENBYTE_CA_PATH) may set it too.
      - Without it, the authorities of the Python library C(requests) are trusted, or those of its environment variables
        E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE). With it, these variables have no effect.
    type: path
  timeout:
    description:
      - Seconds that one request may take, from the lookup of the host's name to the end of its answer, from 1 to 600.
      - The variable C(tenbyte_timeout) or the environment variable E(TENBYTE_TIMEOUT) may set it too.
    type: float
    default: 30.0
  retries:
    description:
      - How often a request is sent again after a failure that may pass, from 0 to 100.
      - The variable C(tenbyte_retries) or the environment variable E(TENBYTE_RETRIES) may set it too.
      - A request that creates something is sent again only when it is certain that it had no effect.
      - When the service refuses a request because there were too many (HTTP 429), all requests of the task pause for
        the time that it asks for with C(Retry-After), at most a minute each time, or for some seconds. Then they follow
        one another at half of the former rate, which rises with each request that the service accepts.
      - Such a refusal uses up no retry while the service accepts other requests of the task, but a request is not sent
        again more than four times as often as this number. The task gives up when everything has been refused after so
        many pauses.
    type: int
    default: 5
  concurrency:
    description:
      - How many requests may be under way at once, from 1 to 100.
      - The variable C(tenbyte_concurrency) or the environment variable E(TENBYTE_CONCURRENCY) may set it too.
    type: int
    default: 16
  requests_per_second:
    description:
      - How many requests may be sent in a second, from 0.1 to 10000. They follow one another at equal distances,
        without bursts.
      - Each task counts for itself, with all items of its loop, and so does each host.
      - The variable C(tenbyte_requests_per_second) or the environment variable E(TENBYTE_REQUESTS_PER_SECOND) may set
        it too. That is how the playbooks and roles of this collection are given a rate.
      - Without it, requests are sent as soon as O(concurrency) allows, and more slowly after the service has refused
        one with HTTP 429.
    type: float
"""
