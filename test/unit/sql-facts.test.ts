import { expect, test } from 'vitest';
import { plainGuard } from '../../src/dump/plain-guard.js';
import { gatherSqlFacts, type SqlFacts } from '../../src/dump/sql-facts.js';
import { createSqlLexer } from '../../src/dump/sql-lexer.js';

function read(script: string, step = script.length): { facts: SqlFacts; whole: boolean; passed: string } {
  const { listener, facts } = gatherSqlFacts();
  const guard = plainGuard('x.sql', 'none');
  const lexer = createSqlLexer({
    ...listener,
    statement(text, tuples) {
      guard.statement(text);
      return listener.statement(text, tuples);
    },
    command: guard.command,
  });
  const bytes = Buffer.from(script);
  let passed = '';
  for (let at = 0; at < bytes.length; at += step) {
    for (const run of lexer.push(bytes.subarray(at, at + step))) passed += run.toString('latin1');
  }
  return { facts: facts(), whole: lexer.isWhole(), passed: Buffer.from(passed, 'latin1').toString('utf8') };
}

const DUMP = `--
-- PostgreSQL database dump
--

\\restrict abcDEF123

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 16.2

SET standard_conforming_strings = on;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
SET default_tablespace = fast;
CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $_$ select ';$1 -- \\! ls' $_$;
CREATE FUNCTION public.g() RETURNS integer LANGUAGE sql BEGIN ATOMIC
 SELECT CASE WHEN true THEN 1 ELSE 2 END; SELECT 1;
END;
CREATE TABLE public."we""ird T" (a text DEFAULT 'it''s; \\') ;
ALTER TABLE public."we""ird T" OWNER TO "App Owner";
CREATE TABLE public.parts (i integer)
PARTITION BY RANGE (i);
COPY public."we""ird T" (a) FROM stdin;
one
\\\\.
\\N

\\.

COPY public.parts (i) FROM stdin;
1
\\.
INSERT INTO public.ins VALUES (1, 'a);('), (2, (3));
INSERT INTO public.ins (i) VALUES (1);
INSERT INTO public.ins DEFAULT VALUES;
/* nested /* comment; */ ' */
SELECT pg_catalog.setval('public."S''q"', 7, true);
SELECT pg_catalog.lo_create('16400');
ALTER TABLE ONLY public.ins ADD CONSTRAINT c CHECK ((i > 0)) NOT VALID;
GRANT SELECT ON TABLE public.ins TO reader;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SELECT E'it\\'s \\\\! no command', U&'d!0061' UESCAPE '!';
--
-- PostgreSQL database dump complete
--

\\unrestrict abcDEF123

`;

const EXPECTED = {
  complete: true,
  serverVersion: '15.18',
  toolVersion: '16.2',
  roles: ['App Owner', 'reader'],
  tablespaces: ['fast'],
  extensions: [{ name: 'uuid-ossp', version: null, schema: 'public' }],
  sequences: [{ schema: 'public', name: "S'q", last_value: '7', is_called: true }],
  largeObjects: 1,
  notValid: 1,
  created: 2,
  notCreated: ['public.ins'],
  misfit: null,
};

test.each([1, 2, 3, 7, 64, 10_000])('counts the contents of a dump cut into pieces of %i bytes', (step) => {
  const { facts, whole, passed } = read(DUMP, step);

  expect(facts).toMatchObject(EXPECTED);
  expect(facts.tables.map(({ schema, table, rows, partitioned }) => [schema, table, rows, partitioned])).toEqual([
    ['public', 'we"ird T', 4, false],
    ['public', 'parts', 1, true],
    ['public', 'ins', 4, false],
  ]);
  expect(whole).toBe(true);
  expect(passed).toBe(DUMP.replace(/^\\(un)?restrict.*$/gm, ''));
});

test('unqualified names of old dumps are resolved by the search path', () => {
  const { facts } = read(
    "SET search_path = shop, pg_catalog;\nCOPY t (a) FROM stdin;\n1\n\\.\nSELECT setval('s', 3, false);\n",
  );
  expect(facts.tables).toMatchObject([{ schema: 'shop', table: 't', rows: 1 }]);
  expect(facts.sequences).toMatchObject([{ schema: 'shop', name: 's' }]);
});

test('a script with CRLF line ends gives the same result', () => {
  const { tables, ...plain } = read(DUMP).facts;
  const { tables: same, ...dos } = read(DUMP.replaceAll('\n', '\r\n')).facts;
  expect(dos).toEqual(plain);
  expect(same.map(({ table, rows }) => [table, rows])).toEqual(tables.map(({ table, rows }) => [table, rows]));
});

test('a row with too few or too many columns is found, one with an escaped tab is not judged', () => {
  const rows = (...lines: string[]) => read(`COPY public.t (a, "b,(c") FROM stdin;\n${lines.join('\n')}\n\\.\n`).facts;
  expect(rows('1\t2', 'pg_dump: warning: x', '3\t4').misfit).toEqual({
    ...{ schema: 'public', table: 't', row: 2, columns: 1, expected: 2 },
  });
  expect(rows('1\t2', 'a\\\tb\t4').misfit).toBeNull();
});

test.each(['pg_dump: warning: circular\nSET x = 1;', 'Password: \nSET x = 1;', 'hello;'])(
  '%j is not taken for SQL',
  (script) => {
    expect(() => read(script)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/E_UNFIT|E_BACKUP_CORRUPT/) }),
    );
  },
);

test.each([
  ['rows that do not end', 'COPY public.t (a) FROM stdin;\n1\n2\n'],
  ['a string', "SELECT 'abc"],
  ['a statement', 'CREATE TABLE t (a int'],
  ['a body', 'CREATE FUNCTION f() RETURNS int AS $$ select 1;'],
])('a script that is cut within %s is incomplete', (_, script) => {
  expect(read(script).whole).toBe(false);
});

test.each([
  ['a program', '\\! touch /tmp/owned\n', /'\\!'/],
  ['a program in the middle of a line', 'SELECT 1 \\! id\n;', /'\\!'/],
  ['a file', '\\copy t from /etc/passwd\n', /'\\copy'/],
  ['another script', '\\i /etc/passwd\n', /'\\i'/],
  ['another database', '\\connect live\n', /connects to another database/],
  ['another database, in short', '\\c live\n', /connects to another database/],
  ['a variable', '\\set x `id`\n', /'\\set'/],
  ['a program after the rows', 'COPY t (a) FROM stdin;\n1\n\\.\n\\! id\n', /'\\!'/],
  ['a program after a body', 'SELECT $a$ $b$ \\! $a$; \\! id\n', /'\\!'/],
  ['a program after a string that only looks unfinished', "SELECT 'a\\' \\! id\n';", /'\\!'/],
  ['a new database', 'CREATE DATABASE x;', /creates, drops or alters a database/],
  ['a database, past a comment', 'drop/**/  database x;', /creates, drops or alters a database/],
  ['roles', "ALTER ROLE postgres PASSWORD 'x';", /roles/],
  ['the server', 'ALTER SYSTEM SET x = 1;', /settings of the server/],
  ['a program of the server', "COPY t FROM PROGRAM 'id';", /files or programs/],
  ['a file of the server', "copy t to '/tmp/x';", /files or programs/],
  ['the reading of strings', 'SET standard_conforming_strings = off;', /strings are parsed/],
  ['commands behind restrict', '\\restrict x; \\! id\n', /restrict/],
])('a script that uses %s is refused', (_, script, why) => {
  expect(() => read(script)).toThrow(expect.objectContaining({ code: 'E_REFUSED', why: expect.stringMatching(why) }));
});

test('text in strings, comments, bodies and rows is never a command', () => {
  const script = `SELECT '\\! id', E'\\'\\! id', "\\! id", $x$ \\! id $x$; -- \\! id
/* \\! id */ CREATE USER MAPPING FOR a SERVER s;
COPY public.t (a) FROM stdin;
\\\\! id
a\\tDROP DATABASE x;
\\.
`;
  expect(read(script).whole).toBe(true);
});
