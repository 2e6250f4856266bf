/** The variables of paths, temporary files and languages; on Windows also of the system. */
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
 * The environment of a child process: the usual variables and those in `more`, as far as they are set.
 * The environment of the server holds keys and passwords, which other programs must not see.
 */
export const childEnvironment = (more: readonly string[] = []): NodeJS.ProcessEnv =>
  Object.fromEntries([...common, ...more].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
