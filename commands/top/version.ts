import { itemCommand } from '../command.js';

/** `potctl version`: prints the versions of potctl, Node.js, and the pg_dump that backups would use. */
export const version = itemCommand({
  name: 'version',
  summary: 'print the versions of potctl, Node.js and pg_dump',
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
