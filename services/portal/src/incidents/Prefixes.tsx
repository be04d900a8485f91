import { useState } from 'react';
import type { AttackedPrefix, Incident } from '../api';
import { duration, percent } from '../format';
import { useSpeech } from '../words';
import { hostOf } from './parts';

/** More than so many are shown when asked for: the largest ones say what is going on. */
const shownAtFirst = 8;

/** What is named with the detection itself is a moment older or younger than it, and did not join. */
const joinedLater = ({ since }: AttackedPrefix, incident: Incident) => Date.parse(since) - Date.parse(incident.detectedAt) >= 1000;

/** A peak that reads the same as what is now says nothing new. */
const wasMore = ({ share, peakShare }: AttackedPrefix) => percent(share) !== percent(peakShare);

/** Which prefixes an attack is spread over: how much of it each one has, had at most, and which joined later. */
export function Prefixes({ prefixes, incident }: { prefixes: AttackedPrefix[]; incident: Incident }) {
  const { language, words } = useSpeech();
  const [all, showAll] = useState(false);
  if (prefixes.length === 0) {
    return null;
  }

  const longest = Math.max(...prefixes.map(({ peakShare }) => peakShare));
  const length = (share: number) => `${(share / longest) * 100}%`;
  const shown = all || prefixes.length <= shownAtFirst + 1 ? prefixes : prefixes.slice(0, shownAtFirst);
  const joined = prefixes.filter((one) => joinedLater(one, incident)).length;
  const together = prefixes.reduce((sum, { share }) => sum + share, 0);
  const isOver = incident.endedAt !== null;
  return (
    <section className="prefixes" aria-labelledby="prefixes">
      <h3 id="prefixes">{words.prefixes}</h3>
      <p className="note">
        {words.prefixesNote(prefixes.length, percent(Math.min(together, 1)), isOver)}
        {joined > 0 && words.prefixesJoined(joined)}
      </p>
      <ol>
        {shown.map((one) => {
          const late = joinedLater(one, incident);
          return (
            <li key={one.prefix} data-joined={late || undefined} data-gone={one.share === 0 || undefined}>
              <span className="which">
                <span className="address">{hostOf(one.prefix)}</span>
                {late && (
                  <small className="joined">{words.joinedAfter(duration(Date.parse(one.since) - Date.parse(incident.detectedAt), language))}</small>
                )}
              </span>
              <svg aria-hidden="true" focusable="false">
                <rect className="track" width="100%" height="100%" rx="4" />
                <rect className="most" width={length(one.peakShare)} height="100%" rx="4" />
                <rect className="now" width={length(one.share)} height="100%" rx="4" />
              </svg>
              <span className="share">
                {one.share === 0 ? words.noMore : percent(one.share)}
                {wasMore(one) && <small>{words.atMost(percent(one.peakShare))}</small>}
              </span>
            </li>
          );
        })}
      </ol>
      {shown.length < prefixes.length && (
        <button type="button" className="quiet more" onClick={() => showAll(true)}>
          {words.allPrefixes(prefixes.length)}
        </button>
      )}
    </section>
  );
}
