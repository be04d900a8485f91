-- The BGP sessions of each speaker. State of machines, not projections.
alter table views.speakers_v1 add column sessions jsonb not null default '[]';

-- Earlier releases named prefixes of customers in the record of drift, in a stream of the provider that no erasure reaches.
update events.mt_events set data = data - 'Examples' where type = 'speaker_drift_mended' and data ? 'Examples';
