import { itemCommand } from '../command.js';

/** `potctl version`: this program, its runtime, and the pg_dump that it would use. */
export const version = itemCommand({
  name: 'version',
  summary: 'version of potctl, of its runtime, and of the pg_dump it finds',
  examples: ['potctl version', 'potctl version --json'],
  needs: [],
  standalone: true,
  input: {},

  async run(_input, { tool, childEnvironment }) {
    const { findTools } = await import('../../src/postgres/tools.js');
    const [newest] = await findTools({ environment: childEnvironment });
    const { version, node, platform } = tool;
    return {
      version,
      node,
      platform,
      pg_dump: newest === undefined ? null : { version: newest.version, path: newest.path },
    };
  },

  render({ version, node, platform, pg_dump }, view) {
    const dump = pg_dump === null ? 'no pg_dump found' : `pg_dump ${pg_dump.version} found`;
    view.line(`potctl ${version} · node ${node} · ${platform} · ${dump}`);
  },
});
