import { PotctlError } from '../../src/errors.js';
import { hiddenCharacterIn } from '../../src/hidden-character.js';
import type { Delivery } from '../../src/mfa/delivery.js';
import { actionCommand } from '../command.js';
import type { Context } from '../context.js';
import { mfaDeps } from '../mfa-dependencies.js';
import { BREAK_GLASS, USER } from '../mfa-flags.js';
import { handOut } from '../mfa-input.js';
import { flag, text } from '../options.js';
import { personWord } from '../shell.js';
import { renderChange, renderChangePlan } from '../ui/mfa-change.js';

/** `potctl mfa enroll`: a new secret that waits for its first code. */
export const mfaEnroll = actionCommand({
  name: 'mfa enroll',
  summary: 'make a new secret for a person, and show its square once; it does nothing before its first code',
  examples: [
    'potctl mfa enroll ana.souza -p prod --reason "new phone, person is beside me"',
    'potctl mfa enroll admin@example.com -p prod --break-glass --reason "locked out by the application" --qr ./admin.png --confirm admin',
  ],
  atomic: true,
  input: {
    user: USER,
    qr: text('--qr <file>', 'the square as a new image file (0600): FILE.png or FILE.svg'),
    secretTo: text('--secret-to <file>', 'the key in base32 into a new file (0600)'),
    label: text('--name <text>', 'name of the factor, where the application keeps one', {
      default: 'Authenticator App',
    }),
    issuer: text('--issuer <text>', 'name shown in the authenticator app'),
    another: flag('--another', 'one more beside the others, where the application keeps several'),
    breakGlass: BREAK_GLASS,
  },

  gate: {
    async prepare({ user, qr, secretTo, label, issuer, another, breakGlass }, context: Context) {
      const { planEnroll } = await import('../../src/mfa/enroll.js');
      refuseHidden(label);
      const deps = await mfaDeps(context, { purpose: 'mfa.enroll', change: true, breakGlass });
      const wishes = { another, label, issuer: issuer ?? null };
      const plan = await planEnroll(deps, user, { ...wishes, dryRun: false });
      return { deps, wishes, plan, delivery: await deliveryOf(context, qr, secretTo) };
    },
    renderPlan: ({ plan }, view) => renderChangePlan(plan, view),
    phrase: ({ plan }) => plan.phrase,
  },

  async run(_wishes, _context, { dryRun, plan: { deps, wishes, plan, delivery } }) {
    const { enroll } = await import('../../src/mfa/enroll.js');
    return { ...(await enroll(deps, plan, { ...wishes, dryRun }, delivery)), secret_to: delivery.to };
  },

  changed: ({ changed }) => changed,
  render(result, view) {
    renderChange('Secret made', result, view, `potctl mfa confirm ${personWord(result.person)} --reason "…"`);
    if (result.expires_at !== null) view.note(`It waits for its first code until ${view.instant(result.expires_at)}.`);
  },
});

/** The application shows it to the person. */
function refuseHidden(label: string): void {
  const hidden = hiddenCharacterIn(label);
  if (hidden === null) return;
  throw new PotctlError('E_USAGE', `'--name' has ${hidden}, a control or hidden character`, {
    fix: ['Give a name that is what it looks like.'],
  });
}

async function deliveryOf(context: Context, qr: string | undefined, secretTo: string | undefined): Promise<Delivery> {
  const { asText, checkNewFile, toNewFile } = await import('../../src/mfa/delivery.js');
  const { qrImage, secretScreen } = await import('../ui/qr.js');
  if (qr !== undefined && !/\.(png|svg)$/i.test(qr)) {
    throw new PotctlError('E_USAGE', `'--qr' takes FILE.png or FILE.svg, not '${qr}'`);
  }
  const files: Delivery[] = [];
  for (const file of [qr, secretTo]) if (file !== undefined) await checkNewFile(file);
  if (qr !== undefined) files.push(toNewFile(qr, ([, uri = '']) => qrImage(uri, qr)));
  if (secretTo !== undefined) files.push(toNewFile(secretTo, ([secret = '']) => asText([secret])));
  return handOut(context, {
    title: 'a secret',
    draw: secretScreen,
    files,
    flags: '`--secret-to FILE` or `--qr FILE.png`',
  });
}
