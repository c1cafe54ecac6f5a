// Videos among the results: the moments that were found in them, and a player of previews.

import { loadImage, requestMedia } from "/pages/gateway.js";
import { byId, element } from "/pages/dom.js";

/** Longest preview of the gateway, and seconds before the best frame at which the preview of a longer moment begins. */
const PREVIEW_SECONDS = 10;
const LEAD_SECONDS = 3;

/** Preview of a moment that is a single time: seconds before and after it. */
const AROUND = [2, 4];

/** Latest time of a video that the gateway accepts. Later ones are dates. */
const TIME_MAX = 1e6;

/** A time as people write it: 7:05, 1:02:03. */
export function formatTime(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A moment as a span of time: 7:05–7:12, or 7:05 if it begins and ends within a second. */
export function formatMoment({ start, end }) {
  const [from, to] = [formatTime(start), formatTime(end)];
  return from === to ? from : `${from}–${to}`;
}

/** The moment of a match that has the tags of a frame or a range; null for any other. */
function momentOf(match) {
  const time = (name) => {
    const value = match.tags?.[name];
    return typeof value === "number" && value >= 0 && value < TIME_MAX ? value : null;
  };
  const best = time("timestamp") ?? time("start");
  if (best === null) return null;
  const start = Math.min(time("start") ?? best, best);
  return { start, end: Math.max(time("end") ?? best, best), best, tags: match.tags };
}

/** The moments of a video, the best first: of the matches within it, or its own; empty for other results. */
export function momentsOf(match) {
  if (!match.uri) return [];
  const within = (match.matches ?? []).map(momentOf).filter(Boolean);
  if (within.length) return within;
  const own = (match.mime_type ?? "").startsWith("video/") ? momentOf(match) : null;
  return own ? [own] : [];
}

/** URL of the thumbnail of a document, at a time if it is a video. */
export function thumbnailUrl(match, time) {
  const query = new URLSearchParams({ id: match.id, ...(time === undefined ? {} : { t: time }) });
  return `/media/thumbnail?${query}`;
}

/** URL of the preview of a moment. */
function previewUrl(match, moment) {
  let { start, end } = moment;
  if (end - start < 1) [start, end] = [Math.max(0, moment.best - AROUND[0]), moment.best + AROUND[1]];
  if (end - start > PREVIEW_SECONDS) {
    start = Math.max(start, Math.min(moment.best - LEAD_SECONDS, end - PREVIEW_SECONDS));
    end = start + PREVIEW_SECONDS;
  }
  return `/media/preview?${new URLSearchParams({ id: match.id, start: start.toFixed(3), end: end.toFixed(3) })}`;
}

/** Creates a list of buttons for moments, which call `play` with the number of the moment. */
export function momentButtons(name, moments, play) {
  return element("ul", { className: "moments" }, ...moments.map((moment, number) => {
    const button = element("button", { type: "button", textContent: formatMoment(moment) });
    button.setAttribute("aria-label", `Play ${name} ${formatMoment(moment)}`);
    button.addEventListener("click", () => play(number));
    return element("li", {}, button);
  }));
}

/** Link to a video that a web server serves, at a time; null for files. */
function originalLink(match, time) {
  if (!/^https?:\/\//i.test(match.uri)) return null;
  const href = `${match.uri.split("#")[0]}#t=${time.toFixed(1)}`;
  return element("a", { href, target: "_blank", rel: "noopener noreferrer", textContent: `Open the video at ${formatTime(time)}` });
}

/** Ends the request and the playing of the video in the dialog. */
let stopPlaying = () => {};

// The event comes after the dialog was closed, when the next video may be in it.
byId("whole").addEventListener("close", () => {
  if (byId("whole").open) return;
  stopPlaying();
  byId("whole").firstElementChild.replaceChildren();
});

/** Shows the previews of a video in the dialog, first that of the moment `first`. Closing it ends the current request. */
export function playMoments(match, name, moments, first) {
  const whole = byId("whole");
  const content = whole.firstElementChild;
  const video = element("video", { controls: true, muted: true, loop: true, playsInline: true, preload: "auto" });
  video.setAttribute("aria-label", `Preview of ${name}`);
  const state = element("p", { className: "faint" });
  state.setAttribute("role", "status");
  const links = element("p", {});
  const play = async (number) => {
    stopPlaying();
    const abort = new AbortController();
    let source = null;
    stopPlaying = () => {
      abort.abort();
      if (source) URL.revokeObjectURL(source);
    };
    const moment = moments[number];
    [...buttons.querySelectorAll("button")].forEach((button, position) => button.setAttribute("aria-pressed", String(position === number)));
    links.replaceChildren(...[originalLink(match, moment.start)].filter(Boolean));
    video.removeAttribute("src");
    video.hidden = true;
    state.className = "faint";
    state.textContent = `Cutting ${formatMoment(moment)}…`;
    loadImage(poster, thumbnailUrl(match, moment.best)).catch(() => {});
    poster.hidden = false;
    try {
      const response = await requestMedia(previewUrl(match, moment), abort.signal);
      if (!response.ok) throw new Error(await response.text());
      const blob = await response.blob();
      if (abort.signal.aborted) return;
      source = URL.createObjectURL(blob);
      video.src = source;
      poster.hidden = true;
      video.hidden = false;
      state.textContent = `${formatMoment(moment)} of ${name}`;
      // Readers who prefer no movement start it with the controls.
      if (!matchMedia("(prefers-reduced-motion: reduce)").matches) await video.play().catch(() => {});
    } catch (error) {
      if (abort.signal.aborted) return;
      state.className = "error";
      state.textContent = String(error.message ?? error);
    }
  };
  const poster = element("img", { alt: "" });
  const buttons = momentButtons(name, moments, play);
  content.replaceChildren(element("h2", { textContent: name }), poster, video, state, buttons, links);
  whole.showModal();
  play(first);
}
