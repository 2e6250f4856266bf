/** What programs need to find themselves, their files and their language; on Windows also the system. */
const common = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TZ',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'LD_LIBRARY_PATH',
  'USERPROFILE',
  'APPDATA',
  'TEMP',
  'TMP',
  'SystemRoot',
  'ComSpec',
]

/**
 * The environment of a child process: the usual variables and those that `more` names, of the ones that are set.
 * Ours holds keys and passwords, which no other program needs to see.
 */
export const childEnvironment = (more: readonly string[] = []): NodeJS.ProcessEnv =>
  Object.fromEntries([...common, ...more].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
