import { itemCommand } from '../command.js';

/** `potctl version`: this program, its runtime, and the pg_dump that it would use. */
export const version = itemCommand({
  name: 'version',
  summary: 'version of potctl, of its runtime, and of the pg_dump it finds',
  examples: ['potctl version', 'potctl version --json'],
  needs: [],
  standalone: true,
  input: {},

  run: (_input, { potctl }) => potctl.about(),

  render({ version, node, platform, pg_dump }, view) {
    const dump = pg_dump === null ? 'no pg_dump found' : `pg_dump ${pg_dump.version} found`;
    view.line(`potctl ${version} · node ${node} · ${platform} · ${dump}`);
  },
});
