import { expect, test } from 'vitest';
import { chooseColumns } from '../../commands/cli/run/paging.js';
import { type Column, fitTable } from '../../commands/ui/columns.js';
import { createFormats } from '../../commands/ui/format.js';

interface Row {
  readonly id: string;
}
const columns: readonly Column<Row>[] = [
  { name: 'id', text: ({ id }) => id, priority: 2 },
  { name: 'name', text: () => 'a name of twenty two' },
  { name: 'operator', text: () => 'maria@desk', priority: 3 },
  { name: 'status', text: () => 'done', priority: 3, wide: true },
];
const NOW = new Date(0);
const namesOf = (names: string, width = Number.POSITIVE_INFINITY): readonly string[] =>
  fitTable(chooseColumns(columns, names, false), [{ id: '1' }], {
    ...{ width, now: NOW, formats: createFormats('UTC', NOW) },
    fixed: !names.startsWith('+'),
  }).header;

test('names after a plus are added to the usual columns', () => {
  expect(namesOf('+status')).toEqual(['ID', 'NAME', 'OPERATOR', 'STATUS']);
  expect(namesOf('+operator,status')).toEqual(['ID', 'NAME', 'OPERATOR', 'STATUS']);
  expect(namesOf('id,+status')).toEqual(['ID', 'STATUS']);
  expect(namesOf('status,id')).toEqual(['STATUS', 'ID']);
});

test('on a narrow screen, neither the added columns nor the first one are dropped', () => {
  expect(namesOf('+status', 35)).toEqual(['ID', 'NAME', 'STATUS']);
  expect(namesOf('+operator,status', 46)).toEqual(['ID', 'NAME', 'OPERATOR', 'STATUS']);
});
