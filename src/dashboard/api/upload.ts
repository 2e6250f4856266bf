// A file for a model. The upload starts when the file is chosen, so that its problems appear before the form is sent.
import { useEffect, useRef, useState } from 'react'
import { withBase } from '../base.ts'
import { sendUpload } from './sending.ts'

export type UploadKind = 'text' | 'recordings' | 'acoustic-model'

/** The body of the server's answer. */
interface UploadedFile {
  id: string
  sizeBytes: number
  lines?: number
  skippedLines?: number
}

type UploadStep =
  | { step: 'none' }
  | { step: 'sending'; sentBytes: number; sizeBytes: number }
  | { step: 'failed'; problem: string; file: File }
  | { step: 'done'; upload: UploadedFile }

export interface UploadState {
  state: UploadStep
  /** Uploads a file; cancels the previous upload if it has not finished. */
  choose: (file: File) => void
  /** Cancels the upload, or removes the uploaded file from the form. */
  clear: () => void
}

export function useUpload(kind: UploadKind): UploadState {
  const [state, setState] = useState<UploadStep>({ step: 'none' })
  const current = useRef<AbortController>(undefined)
  useEffect(() => () => current.current?.abort(), [])

  const clear = () => {
    current.current?.abort()
    setState({ step: 'none' })
  }
  const choose = async (file: File) => {
    current.current?.abort()
    const ending = new AbortController()
    current.current = ending
    const tell = (next: UploadStep) => ending.signal.aborted || setState(next)
    const sent = (sentBytes: number) => tell({ step: 'sending', sentBytes, sizeBytes: file.size })
    const fail = (problem: string) => tell({ step: 'failed', problem, file })
    sent(0)
    try {
      const { status, body } = await sendUpload({ method: 'PUT', url: withBase(`/uploads?kind=${kind}`), body: file, signal: ending.signal, sent })
      if (status === 201) tell({ step: 'done', upload: body as UploadedFile })
      else fail('detail' in body ? String(body.detail) : `The server answered ${status}. Upload the file again.`)
    } catch (error) {
      fail(String((error as Error).message))
    }
  }
  return { state, choose: (file) => void choose(file), clear }
}

/** The id of the upload, or the reason why a model cannot be made from it. */
export function readUpload({ state }: UploadState): { id: string; problem?: never } | { id?: never; problem: string } {
  if (state.step === 'done') return { id: state.upload.id }
  if (state.step === 'failed') return { problem: state.problem }
  return { problem: state.step === 'none' ? 'Choose a file.' : 'The file is still being uploaded. Wait until the upload has finished.' }
}
