import { useEffect, useRef, useState } from 'react'
import { fetchRecording } from '../../api/recordings.ts'
import type { RecordingFragment } from '../../gql/graphql.ts'
import { Icon } from '../icon.tsx'
import { tell } from '../news.tsx'

/** A button that loads the recording, then the browser's player. */
export function Player({ recording: { audioUrl, number } }: { recording: Pick<RecordingFragment, 'audioUrl' | 'number'> }) {
  const [audio, setAudio] = useState<string>()
  const [isLoading, setLoading] = useState(false)
  const ending = useRef(new AbortController())
  useEffect(() => {
    ending.current = new AbortController()
    return () => ending.current.abort()
  }, [])
  useEffect(() => () => URL.revokeObjectURL(audio ?? ''), [audio])
  const load = async () => {
    const { signal } = ending.current
    setLoading(true)
    try {
      const blob = await fetchRecording(audioUrl, signal)
      if (!signal.aborted) setAudio(URL.createObjectURL(blob))
    } catch (error) {
      if (!signal.aborted) tell((error as Error).message, { isProblem: true })
    }
    setLoading(false)
  }
  if (!audio)
    return (
      <button type="button" className="small button" aria-label={`Play recording ${number}`} disabled={isLoading} onClick={load}>
        <Icon name="play" />
        Play
      </button>
    )
  return (
    // biome-ignore lint/a11y/useMediaCaption: the transcript is beside the player
    <audio className="player" src={audio} controls autoPlay aria-label={`Recording ${number}`} onPlay={({ currentTarget }) => pauseOthers(currentTarget)} />
  )
}

function pauseOthers(playing: HTMLAudioElement) {
  for (const other of document.querySelectorAll('audio')) if (other !== playing) other.pause()
}
