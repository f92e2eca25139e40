import { counted, verb } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { text } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';

/** `potctl audit verify`: recomputes the hash of every journal entry on the client, not in the server. */
export const auditVerify = itemCommand({
  name: 'audit verify',
  summary: 'check the hash chain of the journal for tampering',
  examples: [
    'potctl audit verify -p prod --json',
    'potctl audit verify -p prod --anchor /mnt/other-host/anchor.json',
    'potctl audit verify -p prod --anchor /var/backups/potctl/backups/20261122T095106Z-7f3a9c/manifest.json',
  ],
  needs: ['database'],
  input: {
    anchor: text('--anchor <file>', 'output of an earlier run, or a backup manifest, to compare with'),
  },

  async run({ anchor }, { potctl }) {
    return (await potctl.audit()).verify(anchor ?? null);
  },

  render({ ok, checked, first_break: broken, anchor, anchored }, view) {
    if (!ok) {
      const where = broken!.seq === null ? 'its head' : `entry ${broken!.seq}`;
      view.note(`${view.paint('bad', 'BROKEN')} at ${where} (${broken!.kind}): ${broken!.detail}.`);
      view.note(
        `  ${counted(checked, 'entry')} before it ${verb(checked, 'is', 'are')} intact. Find out who can write as the owner of the schema.`,
      );
      return;
    }
    view.note(`${view.paint('good', 'Good')}: ${counted(checked, 'entry')}, the hash chain is intact.`);
    if (anchor !== null) view.raw(JSON.stringify(anchor));
    if (!anchored)
      view.note('To detect entries removed from the end, save this line on another host and pass it with --anchor.');
  },
  exitCode: ({ ok }) => (ok ? ExitCode.ok : ExitCode.integrity),
});
