-- What the judge of an open anomaly remembers beside the target's stream, for whoever goes on with it. State, no events: lost, its anomaly may be told anew.
alter table views.pulses_v1 add column memory text; -- JSON, see Windows/Episode.cs
