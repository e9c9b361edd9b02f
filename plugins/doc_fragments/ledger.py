# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  ledger_url:
    description:
      - The database that keeps the stream keys, encrypted, as an SQLAlchemy URL. It is C(sqlite:////ABSOLUTE/PATH) with
        four slashes, C(sqlite:///~/PATH) for a file in your home folder, or C(postgresql+psycopg://USER@HOST/DATABASE)
        for several controllers. C(postgres://) and C(postgresql://) mean the same.
      - A relative path is refused, because it would depend on the folder in which C(ansible-playbook) is started.
      - PostgreSQL needs the Python library C(psycopg). Give its password as E(PGPASSWORD) or in C(~/.pgpass) rather
        than in the URL, where it must be percent-encoded. Parameters of libpq, such as C(sslmode), may follow after a
        question mark. The tables are created on first use.
      - Default is C(tenbyte-webinar/ledger.sqlite3) under E(XDG_DATA_HOME), which is C(~/.local/share) if it is not set
        or not an absolute path. The file must be on a local disk, because SQLite's locks are not reliable on network
        file systems. In a container, name a file on a volume, because the container's own files are deleted with it.
      - If not given, the variable C(tenbyte_ledger_url) or the environment variable E(TENBYTE_LEDGER_URL) is used.
    type: str
  ledger_key:
    description:
      - The Fernet key that encrypts the ledger. Of several keys, separated by commas, all are tried for reading, and
        the first is used for writing.
      - For PostgreSQL it must be given here or in O(ledger_key_file), the same on every controller.
      - If not given, the variable C(tenbyte_ledger_key) or the environment variable E(TENBYTE_LEDGER_KEY) is used,
        otherwise the key in O(ledger_key_file).
    type: str
  ledger_key_file:
    description:
      - Absolute path of the file that holds the Fernet key. It must not be readable by others.
      - It may hold several keys, separated by commas or line ends. All are tried for reading, and the first is used for
        writing.
      - Default is the ledger's whole file name with C(.key), such as C(ledger.sqlite3.key). It is created on the first
        use of a new ledger. If it is missing and the ledger exists, C(ledger.key) is used, the name in the first
        version. Keep a copy in a safe place, because the ledger cannot be read without it. For PostgreSQL no key file
        is created.
      - If not given, the variable C(tenbyte_ledger_key_file) or the environment variable E(TENBYTE_LEDGER_KEY_FILE) is
        used.
    type: path
"""

    # For lookups, whose loader reads variables and the environment itself.
    PLUGIN = r"""
options:
  ledger_url:
    vars:
      - name: tenbyte_ledger_url
    env:
      - name: TENBYTE_LEDGER_URL
  ledger_key:
    vars:
      - name: tenbyte_ledger_key
    env:
      - name: TENBYTE_LEDGER_KEY
  ledger_key_file:
    vars:
      - name: tenbyte_ledger_key_file
    env:
      - name: TENBYTE_LEDGER_KEY_FILE
"""
