/** Something went wrong, in words, with the way on where there is one. */
export function Problem({ title, message, again }: { title: string; message: string; again?: (() => void) | undefined }) {
  return (
    <section className="empty" role="alert">
      <h2>{title}</h2>
      <p>{message}</p>
      {again && (
        <button type="button" className="button" onClick={() => again()}>
          Try again
        </button>
      )}
    </section>
  )
}

export function Loading() {
  return (
    <div className="loading" role="status">
      <span className="hidden">Reading …</span>
    </div>
  )
}
