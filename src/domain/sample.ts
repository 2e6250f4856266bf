/** A ready-made program that sends a recording to an endpoint. */
export interface Sample {
  tool: 'CURL' | 'JAVASCRIPT' | 'PYTHON'
  code: string
}

/** Samples filled in with an endpoint's URL; the key stays a placeholder, since only its hash is known here. */
export function samplesOf(httpUrl: string): Sample[] {
  return [
    { tool: 'CURL', code: `curl --data-binary @speech.wav \\\n  -H "Ocp-Apim-Subscription-Key: $KEY" \\\n  "${httpUrl}"` },
    {
      tool: 'JAVASCRIPT',
      code: `import { readFile } from 'node:fs/promises'

const response = await fetch('${httpUrl}', {
  method: 'POST',
  headers: { 'Ocp-Apim-Subscription-Key': process.env.KEY },
  body: await readFile('speech.wav'),
})
const { RecognitionStatus, DisplayText } = await response.json()
console.log(RecognitionStatus, DisplayText)`,
    },
    {
      tool: 'PYTHON',
      code: `import json, os, urllib.request

request = urllib.request.Request(
    "${httpUrl}",
    data=open("speech.wav", "rb").read(),
    headers={"Ocp-Apim-Subscription-Key": os.environ["KEY"]},
)
print(json.load(urllib.request.urlopen(request))["DisplayText"])`,
    },
  ]
}
