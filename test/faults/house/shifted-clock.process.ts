// Preloaded with --import: the clock of this process is ahead of that of the machine by CLOCK_AHEAD_MS.
const ahead = Number(process.env['CLOCK_AHEAD_MS'])
const RealDate = Date
const now = () => RealDate.now() + ahead

const ShiftedDate: DateConstructor = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length ? args : [now()], newTarget === ShiftedDate ? target : newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
})
RealDate.prototype.constructor = ShiftedDate
globalThis.Date = ShiftedDate
