import { counted, verb } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { text } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';

/** `potctl audit verify`: every entry of the journal, recomputed outside of the server. */
export const auditVerify = itemCommand({
  name: 'audit verify',
  summary: 'check that nobody changed the journal: every hash is recomputed, and compared with an anchor',
  examples: [
    'potctl audit verify -p prod --json',
    'potctl audit verify -p prod --anchor /mnt/other-host/anchor.json',
    'potctl audit verify -p prod --anchor /var/backups/potctl/backups/20261122T095106Z-7f3a9c/manifest.json',
  ],
  needs: ['database'],
  input: {
    anchor: text('--anchor <file>', 'what this command printed with --json, or the manifest of a backup'),
  },

  async run({ anchor }, { potctl }) {
    return (await potctl.audit()).verify(anchor ?? null);
  },

  render({ ok, checked, first_break: broken, anchor, anchored }, view) {
    if (!ok) {
      const where = broken!.seq === null ? 'its head' : `entry ${broken!.seq}`;
      view.note(`${view.paint('bad', 'BROKEN')} at ${where} (${broken!.kind}): ${broken!.detail}.`);
      view.note(
        `  ${counted(checked, 'entry')} before it ${verb(checked, 'is', 'are')} as written. Who can write as the owner of the schema?`,
      );
      return;
    }
    view.note(`${view.paint('good', 'Good')}: ${counted(checked, 'entry')}, each follows on the one before.`);
    if (anchor !== null) view.line(JSON.stringify(anchor));
    if (!anchored)
      view.note(
        'A tail that was cut off shows only beside an anchor: keep that line on another host, and give it with --anchor.',
      );
  },
  exitCode: ({ ok }) => (ok ? ExitCode.ok : ExitCode.integrity),
});
