/** Words with the number of their occurrences. Without words, nothing. */
export function WordList({ title, words }: { title: string; words: readonly { word: string; times: number }[] }) {
  if (!words.length) return null
  return (
    <div>
      <h3>{title}</h3>
      <ul className="word-list">
        {words.map(({ word, times }) => (
          <li key={word} className="tag">
            {word}
            {times > 1 && ` ${times} ×`}
          </li>
        ))}
      </ul>
    </div>
  )
}
