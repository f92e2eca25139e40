import { describe, expect, test } from 'vitest';
import type { PotctlError } from '../../src/kernel/errors.js';
import { advice, again, potctl } from '../../src/kernel/next.js';
import { parseGraph } from '../../src/restore/tables/graph.js';
import { checkSchemaName, parseTableNames } from '../../src/restore/tables/names.js';
import { asksForTables, type TablesOptions, tablesRequest } from '../../src/restore/tables/request.js';
import { selectTables } from '../../src/restore/tables/select.js';

const named = (...lists: string[]) => parseTableNames(lists).map(({ schema, name }) => [schema, name]);

describe('the names of --tables', () => {
  test.each([
    [
      'a,schema.b',
      [
        [null, 'a'],
        ['schema', 'b'],
      ],
    ],
    ['"we""ird.Tab le"', [[null, 'we"ird.Tab le']]],
    [
      '"Odd, one"."x,y" , z',
      [
        ['Odd, one', 'x,y'],
        [null, 'z'],
      ],
    ],
    ['ümläut', [[null, 'ümläut']]],
  ])('%s is parsed as by PostgreSQL', (text, names) => {
    expect(named(text)).toEqual(names);
  });

  test('several flags are one list', () => {
    expect(named('a', 's.b')).toEqual([
      [null, 'a'],
      ['s', 'b'],
    ]);
  });

  test.each([
    ['', 'a name is missing'],
    ['a,', 'a name is missing'],
    ['a..b', 'cannot parse'],
    ['a.b.c', 'cannot parse'],
    ['"a', 'cannot parse'],
    ['a,a', 'listed twice'],
    ['x'.repeat(64), 'too long'],
  ])('%j is refused', (text, why) => {
    expect(() => named(text)).toThrow(expect.objectContaining({ code: 'E_USAGE', why: expect.stringContaining(why) }));
  });

  test('an empty list is refused', () => {
    expect(() => named()).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
});

test.each(['pg_mine', 'information_schema', 'x'.repeat(64), 'ä'.repeat(32)])('the schema %s is refused', (name) => {
  expect(() => checkSchemaName(name)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
});

describe('contradictory options', () => {
  const none: TablesOptions = {
    ...{ id: 'latest', fromSet: undefined, only: undefined, mode: undefined, into: undefined, intoFiles: undefined },
    ...{
      jobs: undefined,
      createRoles: false,
      continuePastErrors: false,
      safetyBackup: false,
      accept: [],
      stopWriters: undefined,
    },
    ...{ startWriters: undefined, keepOld: undefined, tables: ['a'], intoSchema: 's' },
  };
  test.each([
    [{ intoSchema: undefined }, '--into-schema'],
    [{ tables: [] }, '--tables'],
  ])('%j: one without the other is refused', (change, text) => {
    expect(() => asksForTables({ ...none, ...change })).toThrow(text);
  });
  test.each([
    [{ mode: 'new' as const }, '--mode'],
    [{ mode: 'swap' as const }, '--mode'],
    [{ into: 'x' }, '--into'],
    [{ intoFiles: 'x' }, '--into-files'],
    [{ only: 'db' as const }, '--only'],
    [{ safetyBackup: true }, '--safety-backup'],
    [{ stopWriters: 'x' }, '--stop-writers'],
    [{ createRoles: true }, '--create-roles'],
  ])('%j cannot be combined with --tables', (change, text) => {
    const asked = (): unknown => tablesRequest({} as never, { ...none, ...change }, {} as never);
    expect(asked).toThrow(`'${text}' cannot be combined`);
  });
});

/** As printed by pg_restore 15. */
const DUMP = `
893; 1247 16386 TYPE public mood owner
217; 1259 16499 TABLE public users owner
;\tdepends on: 893
219; 1259 16508 TABLE public orders owner
220; 1259 16520 TABLE public par owner
221; 1259 16524 TABLE public par 1 owner
;\tdepends on: 220
222; 1259 16530 TABLE public deep, 1 owner
;\tdepends on: 221
224; 1259 16540 TABLE public od.d owner
225; 1259 16544 TABLE public odd, one owner
;\tdepends on: 224
216; 1259 16498 SEQUENCE public users_id_seq owner
;\tdepends on: 217
3493; 0 0 SEQUENCE OWNED BY public users_id_seq owner
;\tdepends on: 216
223; 1259 16536 VIEW public vw owner
;\tdepends on: 217 217
3315; 0 0 TABLE ATTACH public par 1 owner
;\tdepends on: 221 220
3317; 0 0 TABLE ATTACH public deep, 1 owner
;\tdepends on: 222 221
3318; 0 0 TABLE ATTACH public odd, one owner
;\tdepends on: 225 224
3316; 2604 16502 DEFAULT public users id owner
;\tdepends on: 216 217 217
3481; 0 16508 TABLE DATA public orders owner
;\tdepends on: 219
3479; 0 16499 TABLE DATA public users owner
;\tdepends on: 217
3323; 2606 16506 CONSTRAINT public users users_pkey owner
;\tdepends on: 217
3330; 2606 16515 FK CONSTRAINT public orders orders_u_fkey owner
;\tdepends on: 219 3323 217
3331; 2620 16541 TRIGGER public orders tr owner
;\tdepends on: 219 270
`.split('\n');

describe('the entries of a dump that a table needs', () => {
  const select = (tables: string) => selectTables(parseGraph(DUMP), parseTableNames([tables]), '20261122T095046Z-7f3a');

  test('a table includes its data, keys, defaults, sequences and their dependencies, in the order of the archive', () => {
    const { entries, needs, leftOut } = select('users');
    expect(entries).toEqual([893, 217, 216, 3493, 3316, 3479, 3323]);
    expect(needs.map(({ desc, name }) => `${desc} ${name}`)).toEqual(['TYPE mood']);
    expect(leftOut).toEqual([]);
  });
  test('a foreign key is included only with both its tables, a trigger never', () => {
    expect(select('orders').leftOut).toEqual([
      { kind: 'foreign key', name: 'public.orders orders_u_fkey' },
      { kind: 'trigger', name: 'public.orders tr' },
    ]);
    expect(select('orders,users').entries).toContain(3330);
    expect(select('orders,users').leftOut.map(({ kind }) => kind)).toEqual(['trigger']);
  });
  test('a partitioned table includes its partitions; a single partition is refused with the name of the whole table', () => {
    expect(select('par').tables[0]!.partitions.map(({ dumpId }) => dumpId)).toEqual([221, 222]);
    expect(() => select('"par 1"')).toThrow("a partition of 'public.par'");
  });
  test('the list proposed instead of a partition contains every requested table once', () => {
    const fixOf = (tables: string): unknown => {
      try {
        return select(tables);
      } catch (error) {
        return (error as PotctlError).fix[0];
      }
    };
    const whole = (tables: string) =>
      advice`Restore the whole table: ${{ ...again('--tables', tables), without: ['--tables'] }}`;
    expect(fixOf('Users,"par 1","deep, 1"')).toEqual(whole('Users,public.par'));
    expect(fixOf('"odd, one"')).toEqual(whole('public."od.d"'));
    expect(fixOf('vw')).toMatchObject({
      advice: [expect.anything(), { without: expect.arrayContaining(['--tables', '--into-schema']) }, '.'],
    });
  });
  test('the error for a missing table points to this backup, not to the latest', () => {
    const shown = advice`List the tables: ${potctl('backup', 'show', '20261122T095046Z-7f3a')}`;
    expect(() => select('oders')).toThrow(expect.objectContaining({ fix: [expect.any(String), shown] }));
  });
  test('a name without quotes is matched regardless of case', () => {
    expect(select('Users').tables[0]!.name).toBe('users');
    expect(() => select('"Users"')).toThrow(expect.objectContaining({ code: 'E_PIECE_NOT_FOUND' }));
  });
  test('a view is refused as a view', () => {
    expect(() => select('vw')).toThrow('is a view, not a table');
  });
});
