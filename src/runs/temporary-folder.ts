/** The directory for short-lived files: TMPDIR of the children's environment, otherwise /tmp. */
export function temporaryFolder(environment: Readonly<Record<string, string>>): string {
  return environment['TMPDIR'] || '/tmp';
}
