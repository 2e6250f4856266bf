// The paths of the icons, on a grid of 16. No icon library is needed for so few.
const paths = {
  plus: 'M8 3v10M3 8h10',
  check: 'M3.5 8.5l3 3 6-7',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 4.5V8l2.3 1.6M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0',
  stop: 'M3.8 3.8l8.4 8.4M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0',
  play: 'M5 3l8 5-8 5z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  down: 'M4 6l4 4 4-4',
  up: 'M4 10l4-4 4 4',
  search: 'M7 12A5 5 0 1 1 7 2a5 5 0 0 1 0 10M10.7 10.7L14 14',
  copy: 'M6 6h7.5v7.5H6zM3.5 10.5h-1v-8h8v1',
  back: 'M10 3.5L5.5 8l4.5 4.5',
  globe: 'M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M2.3 8h11.4M8 2.2c-3.4 3.6-3.4 8 0 11.6M8 2.2c3.4 3.6 3.4 8 0 11.6',
  microphone: 'M8 2a2 2 0 0 1 2 2v4a2 2 0 0 1-4 0V4a2 2 0 0 1 2-2M3.8 7.5a4.2 4.2 0 0 0 8.4 0M8 11.7V14',
  file: 'M9 2H4v12h8V5zM9 2v3h3',
  key: 'M9.5 9.5A3.5 3.5 0 1 1 6.5 6.5M9 7l5-5M12 4l1.5 1.5',
  warning: 'M8 2.5L14 13H2zM8 6.5v3M8 11.3v.01',
} as const

export type IconName = keyof typeof paths

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 16 16"
      width="16"
      height="16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  )
}
