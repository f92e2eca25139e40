import fs from 'node:fs';
import path from 'node:path';

/** `start`: it is not there; `fail`: it ends with 1 at once; `kill`: it is killed at work; `half`: it does half of it and ends with 0. */
export type ToolFault = 'start' | 'fail' | 'kill' | 'half';

/** One start of a tool, counted from 1 for each name. */
export interface ToolStart {
  readonly tool: string;
  readonly nth: number;
}

/** A folder of programs that stand in front of the real ones. */
export interface Tools {
  readonly folder: string;
  /** Before the next run: which start fails, and what the tools get into their environment. Forgets the starts of before. */
  set(strike: (ToolStart & { readonly how: ToolFault }) | null, environment: Readonly<Record<string, string>>): void;
  /** The starts since then. */
  starts(): ToolStart[];
  struck(): boolean;
}

const NAMES = ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql', 'tar', 'zstd', 'gzip', 'perl', 'cp'];

/** Whole outputs are cut in two; of folders that were written, the largest file is. */
const WRAPPER = `
here=\${0%/*} tool=\${0##*/} n=1
. "$here/plan"
set -C
until { true >"$here/starts/$tool.$n"; } 2>/dev/null; do n=$((n + 1)); done
set +C
if [ "$tool.$n" = "$strike" ]; then
  : >"$here/struck"
  exec 3<&0
  case $how in
    start) echo "setpriv: failed to execute $0: No such file or directory" >&2; exit 127 ;;
    fail) echo "$tool: error: made to fail" >&2; exit 1 ;;
    kill) "$real" "$@" <&3 & sleep 0.03; kill -9 $! 2>/dev/null; kill -9 $$ ;;
    half)
      case "$tool $*" in
        pg_restore*--dbname*) "$real" --section=pre-data "$@"; exit 0 ;;
        tar*' -x'*|tar*--extract*) head -c 4096 <&3 | "$real" "$@" 2>/dev/null; cat <&3 >/dev/null; exit 0 ;;
        pg_dump*--file*) "$real" "$@" || exit
          for word; do case $word in --file=*) folder=\${word#--file=} ;; esac; done
          largest=$(find "$folder" -type f -printf '%s %p\\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-)
          truncate -s "$(($(stat -c %s "$largest") / 2))" "$largest"; exit 0 ;;
      esac
      "$real" "$@" <&3 >"$here/whole.$$"
      head -c "$(($(stat -c %s "$here/whole.$$") / 2))" "$here/whole.$$"
      rm "$here/whole.$$"; exit 0 ;;
  esac
fi
exec "$real" "$@"
`;

/** @param where the PATH with the real programs */
export function wrapTools(folder: string, where: string): Tools {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of NAMES) {
    const real = where
      .split(':')
      .map((place) => path.join(place, name))
      .find((file) => fs.existsSync(file));
    if (real === undefined) continue;
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\nreal=${real}${WRAPPER}`, { mode: 0o755 });
  }
  const [plan, starts, struck] = ['plan', 'starts', 'struck'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  return {
    folder,
    set(strike, environment) {
      for (const gone of [starts, struck]) fs.rmSync(gone, { recursive: true, force: true });
      fs.mkdirSync(starts);
      const exported = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`);
      const named = strike === null ? ["strike=''"] : [`strike=${strike.tool}.${strike.nth}`, `how=${strike.how}`];
      fs.writeFileSync(plan, [...named, ...exported, ''].join('\n'));
    },
    starts: () => fs.readdirSync(starts).map((name) => startOf(name)),
    struck: () => fs.existsSync(struck),
  };
}

function startOf(name: string): ToolStart {
  const at = name.lastIndexOf('.');
  return { tool: name.slice(0, at), nth: Number(name.slice(at + 1)) };
}
