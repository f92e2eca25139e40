import { expect, test } from 'vitest';
import { listenForFailures } from '../../src/restore/database/failed-objects.js';
import { acceptArguments, judgeFindings, refuseUnknownNames, unneeded } from '../../src/runs/accept.js';

const TOC = [
  { dumpId: 7, oid: 1, desc: 'TABLE DATA', schema: 'public', name: 'people', owner: 'o' },
  { dumpId: 8, oid: 2, desc: 'INDEX', schema: 'public', name: 'by_rank', owner: 'o' },
  { dumpId: 9, oid: 3, desc: 'EVENT TRIGGER', schema: null, name: 'watch', owner: 'o' },
];

function heard(text: string) {
  const listener = listenForFailures(TOC);
  for (const line of text.split('\n')) listener.line(line);
  return { failed: listener.failed(), reachedEnd: listener.reachedEnd() };
}

test('each failed object has the name of its entry, the server’s error and the running function, but no row content', () => {
  const { failed, reachedEnd } = heard(`pg_restore: creating TABLE "public.people"
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 7; 0 16394 TABLE DATA people o
pg_restore: error: COPY failed for table "people": ERROR:  relation "c" does not exist
LINE 1: select from c
                    ^
QUERY:  select from c
CONTEXT:  SQL function "is_country" during inlining
COPY people, line 1: "1	a secret"
pg_restore: finished item 7 TABLE DATA people
pg_restore: from TOC entry 9; 0 0 EVENT TRIGGER watch o
pg_restore: error: could not execute query: ERROR:  permission denied
CONTEXT:  PL/pgSQL function public.f(integer, "A b") line 3 at RETURN
Command was: CREATE EVENT TRIGGER watch
  ON ddl_command_end;
pg_restore: warning: errors ignored on restore: 3`);
  expect(reachedEnd).toBe(true);
  expect(failed.map(({ name, functions }) => [name, functions])).toEqual([
    ['object:TABLE DATA public.people', ['is_country']],
    ['object:EVENT TRIGGER watch', ['public.f(integer, "A b")']],
  ]);
  expect(failed[0]!.detail).toContain('COPY people, line 1');
  expect(failed[0]!.detail).not.toContain('secret');
  expect(failed[1]!.detail).toMatch(/Command was: CREATE EVENT TRIGGER watch\n {2}ON ddl_command_end;$/);
});

test('concurrent workers hide no failed object', () => {
  const { failed } = heard(`pg_restore: from TOC entry 7; 0 0 TABLE DATA people o
pg_restore: from TOC entry 8; 0 0 INDEX by_rank o
pg_restore: error: could not execute query: ERROR:  second
pg_restore: error: COPY failed for table "people": ERROR:  first
pg_restore: warning: errors ignored on restore: 4`);
  expect(failed.map(({ name }) => name)).toEqual(['object:TABLE DATA public.people', 'object:INDEX public.by_rank']);
});

test.each([
  [
    'the prefix of the entries',
    'pg_restore: pg_restore: from TOC entry 7; 0 0 TABLE DATA people o\nfrom TOC entry 8; 0 0 INDEX by_rank o',
  ],
  [
    'the prefix of an entry',
    'pg_restore: while PROCESSING TOC:\npg_restore: pg_restore: while PROCESSING TOC:\nfrom TOC entry 7; 0 0 TABLE DATA people o\npg_restore: from TOC entry 8; 0 0 INDEX by_rank o',
  ],
])('concurrent workers that mix %s hide no failed object', (_, entries) => {
  const { failed } = heard(`${entries}
pg_restore: error: COPY failed for table "people": ERROR:  first
pg_restore: error: could not execute query: ERROR:  second
pg_restore: warning: errors ignored on restore: 4`);
  expect(failed.map(({ name, error }) => [name, error])).toEqual([
    ['object:TABLE DATA public.people', 'first'],
    ['object:INDEX public.by_rank', 'second'],
  ]);
});

test('concurrent workers that mix an error with an entry, or with another error, hide no failed object', () => {
  const { failed } = heard(`pg_restore: from TOC entry 7; 0 0 TABLE DATA people o
pg_restore: error: pg_restore: from TOC entry 8; 0 0 INDEX by_rank o
COPY failed for table "people": ERROR:  first
pg_restore: error: pg_restore: error: could not execute query: ERROR:  second
pg_restore: from TOC entry 9; 0 0 EVENT TRIGGER watch o
could not execute query: ERROR:  third
pg_restore: warning: errors ignored on restore: 3`);
  expect(failed.map(({ name, error }) => [name, error])).toEqual([
    ['object:TABLE DATA public.people', 'first'],
    ['object:INDEX public.by_rank', 'second'],
    ['object:EVENT TRIGGER watch', 'third'],
  ]);
});

test('unexplained errors are a finding of their own', () => {
  const { failed } = heard(`pg_restore: from TOC entry 7; 0 0 TABLE DATA people o
pg_restore: error: COPY failed for table "people": ERROR:  first
pg_restore: warning: errors ignored on restore: 5`);
  expect(failed.map(({ name }) => name)).toEqual(['object:TABLE DATA public.people', 'object:OTHER ERRORS']);
});

test('a tool that was stopped did not finish, whatever errors it printed before', () => {
  const { failed, reachedEnd } = heard(`pg_restore: from TOC entry 7; 0 0 TABLE DATA people o
pg_restore: error: COPY failed for table "people": ERROR:  first
pg_restore: error: a worker process died unexpectedly`);
  expect({ reachedEnd, names: failed.map(({ name }) => name) }).toEqual({
    reachedEnd: false,
    names: ['object:TABLE DATA public.people'],
  });
});

test('psql errors name the line of the script', () => {
  const { failed } = heard(`psql:<stdin>:42: ERROR:  relation "c" does not exist
CONTEXT:  SQL function "f" during startup`);
  expect(failed).toMatchObject([{ name: 'object:LINE 42', error: 'relation "c" does not exist', functions: ['f'] }]);
});

test.each([
  'rows:public.t',
  'rows:we"ird sch.Tab le',
  'sequence:public."S\n1"',
  'large-objects',
  'index:public.i',
  'constraint:public.t.c',
  'object:TABLE DATA public.people',
  'slot a',
  'subscription b',
  'publication c',
  'pg_cron',
  'damage:20261122T095106Z-7f3a9c',
  'extension:postgis',
  'space',
])('%s is a name that can be accepted', (name) => {
  expect(() => refuseUnknownNames([name])).not.toThrow();
});

test.each(['', 'rows', 'rows:', 'row:public.t', 'all', '*', 'large-objects:1', 'spaces'])(
  '%j cannot be accepted',
  (name) => {
    expect(() => refuseUnknownNames([name])).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  },
);

test('a finding is accepted only by its full name, and an unneeded name is reported', () => {
  const findings = [
    { name: 'rows:public.t', state: 'fail' as const, detail: 'one' },
    { name: 'rows:public.table', state: 'fail' as const, detail: 'two' },
  ];
  const accept = ['rows:public.t', 'rows:public.x', 'slot s'];
  const { refused, accepted } = judgeFindings(findings, accept);
  expect(accepted).toEqual([{ name: 'rows:public.t', evidence: 'one' }]);
  expect(acceptArguments(refused)).toEqual(['--accept', 'rows:public.table']);
  expect(unneeded(accept, accepted, 'checks')).toEqual([expect.stringContaining('rows:public.x')]);
  expect(unneeded(accept, accepted, 'plan')).toEqual([expect.stringContaining('slot s')]);
});

test('failed objects are named in the order of the dump, whichever worker of pg_restore came first', () => {
  const { failed } = heard(`pg_restore: from TOC entry 8; 0 0 INDEX by_rank o
pg_restore: error: could not execute query: ERROR:  second
pg_restore: from TOC entry 7; 0 0 TABLE DATA people o
pg_restore: error: COPY failed for table "people": ERROR:  first
pg_restore: warning: errors ignored on restore: 4`);
  expect(failed.map(({ name, error }) => [name, error])).toEqual([
    ['object:TABLE DATA public.people', 'first'],
    ['object:INDEX public.by_rank', 'second'],
  ]);
});
