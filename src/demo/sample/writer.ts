import { setTimeout as sleep } from 'node:timers/promises';
import { openPsql, type Sandbox, write } from '../sandbox.js';

/** A program that keeps writing: every transaction adds a session and an entry in the audit log. */
export interface Writer {
  /** Waits until `count` transactions were sent. */
  sent(count: number): Promise<void>;
  /** Finishes the last transaction and returns how many there were. Throws an Error with psql's message if one failed. */
  stop(): Promise<number>;
}

const PAUSE_MS = 4;

/** Starts the writer. Its rows carry their number, from 1: see {@link writtenUpTo}. */
export function startWriter(sandbox: Sandbox): Writer {
  const psql = openPsql(sandbox);
  let stopping = false;
  let count = 0;
  const writing = (async () => {
    while (!stopping && !sandbox.signal.aborted) {
      count += 1;
      await write(psql, transaction(count));
      await sleep(PAUSE_MS);
    }
    psql.stdin.end();
    return psql.ended;
  })();
  const stop = async () => {
    stopping = true;
    const end = await writing;
    if (!end.ok) throw new Error(`the writer: ${end.stderrTail.join('\n')}`);
    return count;
  };
  const sent = async (wanted: number) => {
    while (count < wanted && !sandbox.signal.aborted) await sleep(PAUSE_MS);
  };
  return { sent, stop };
}

/** Tables that the writer adds to, with the JSON column that holds the number. */
export const WRITTEN_TABLES: Readonly<Record<string, string>> = {
  audit_log: 'dados_novos',
  refresh_tokens: 'device_info',
};

/** Returns a SQL condition for the rows from before the writer and of its first `last` transactions. */
export function writtenUpTo(table: string, last: number): string {
  const column = WRITTEN_TABLES[table];
  return column === undefined ? 'true' : `coalesce((${column}->>'writer')::int, 0) <= ${last}`;
}

function transaction(number: number): string {
  const mark = `json_build_object('writer', ${number})`;
  return `begin;
insert into refresh_tokens (id, user_id, token, hashed_token, is_active, is_revoked, device_info, created_at, expires_at)
values (md5('writer ${number}')::uuid, md5('user 2')::uuid, md5('writer ${number}'), md5('writer hash ${number}'), true, false, ${mark},
        now() at time zone 'UTC', now() at time zone 'UTC' + interval '30 days');
insert into audit_log (id, user_id, acao, tabela, registro_id, dados_novos, timestamp)
values (md5('writer audit ${number}')::uuid, md5('user 2')::uuid, 'login', 'refresh_tokens', '${number}', ${mark},
        now() at time zone 'UTC');
commit;
`;
}
