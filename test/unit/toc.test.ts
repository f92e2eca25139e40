import { expect, test } from 'vitest';
import { parseToc } from '../../src/dump/toc.js';

test('entries are parsed with types of several words, blanks in names and no schema', () => {
  const entries = parseToc(
    [
      ';',
      '; Archive created at 2026-11-22 09:51:06 UTC',
      ';     TOC Entries: 5',
      '4012; 0 16385 TABLE DATA public two  lines objects_owner',
      '4100; 0 0 SEQUENCE SET public all_types_id_seq postgres',
      '12; 2615 2200 SCHEMA - public pg_database_owner',
      '3; 3079 16400 EXTENSION - hstore ',
      '7; 0 16999 MATERIALIZED VIEW DATA objects mat postgres',
      '8; 0 0 COMMENT objects FUNCTION overloaded(text) postgres',
      '',
    ].join('\n'),
  );

  expect(entries).toEqual([
    { dumpId: 4012, oid: 16385, desc: 'TABLE DATA', schema: 'public', name: 'two  lines', owner: 'objects_owner' },
    { dumpId: 4100, oid: 0, desc: 'SEQUENCE SET', schema: 'public', name: 'all_types_id_seq', owner: 'postgres' },
    { dumpId: 12, oid: 2200, desc: 'SCHEMA', schema: null, name: 'public', owner: 'pg_database_owner' },
    { dumpId: 3, oid: 16400, desc: 'EXTENSION', schema: null, name: 'hstore', owner: '' },
    { dumpId: 7, oid: 16999, desc: 'MATERIALIZED VIEW DATA', schema: 'objects', name: 'mat', owner: 'postgres' },
    { dumpId: 8, oid: 0, desc: 'COMMENT', schema: 'objects', name: 'FUNCTION overloaded(text)', owner: 'postgres' },
  ]);
});
