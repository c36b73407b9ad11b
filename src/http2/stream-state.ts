// The states of a stream, RFC 9113 section 5.1, as a server has them that pushes nothing: one that is idle or
// closed has no stream here.

/** The state of a stream that is there. */
export type StreamState = "open" | "half-closed (remote)" | "half-closed (local)" | "closed";

/** The state after the client has sent its last frame. */
export const AFTER_REMOTE_END: Readonly<Record<StreamState, StreamState>> = {
  open: "half-closed (remote)",
  "half-closed (remote)": "half-closed (remote)",
  "half-closed (local)": "closed",
  closed: "closed",
};

/** The state after we have sent our last frame. */
export const AFTER_LOCAL_END: Readonly<Record<StreamState, StreamState>> = {
  open: "half-closed (local)",
  "half-closed (remote)": "closed",
  "half-closed (local)": "half-closed (local)",
  closed: "closed",
};

/** Whether the client may send more than WINDOW_UPDATE, RST_STREAM and PRIORITY. */
export function isRemoteOpen(state: StreamState): boolean {
  return state === "open" || state === "half-closed (local)";
}

/** Whether we may. */
export function isLocalOpen(state: StreamState): boolean {
  return state === "open" || state === "half-closed (remote)";
}
