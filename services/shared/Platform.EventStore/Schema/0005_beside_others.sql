-- Whoever else is on these tables finds what it expects, and whatever it leaves there stops none of ours.

-- Named as Marten names them: it compares by name, and would put up its own beside ours.
do $$
begin
    if exists (select from pg_constraint
                where conrelid = 'events.mt_events'::regclass and conname = 'fkey_mt_events_tenant_id_stream_id')
       and not exists (select from pg_constraint
                        where conrelid = 'events.mt_events'::regclass and conname = 'fkey_mt_events_stream_id_tenant_id') then
        alter table events.mt_events rename constraint fkey_mt_events_tenant_id_stream_id to fkey_mt_events_stream_id_tenant_id;
    end if;
    if exists (select from pg_constraint
                where conrelid = 'events.mt_event_progression'::regclass and conname = 'mt_event_progression_pkey') then
        alter table events.mt_event_progression rename constraint mt_event_progression_pkey to pk_mt_event_progression;
    end if;
end
$$;

-- Marten's function writes "now() at time zone 'utc'": true only for sessions whose zone that is.
do $$
begin
    execute format('alter database %I set timezone = %L', current_database(), 'UTC');
exception when insufficient_privilege then
    raise notice 'timezone must be set to UTC by whoever owns the database.';
end
$$;

-- The same text as before for what ours and Marten write; headers that are no object are taken as they are instead of failing.
create or replace function platform.meta(
    tenant_id varchar, stream_id varchar, at timestamptz, correlation_id varchar, causation_id varchar, headers jsonb)
returns text stable parallel safe language sql as $$
    select jsonb_build_array(
        tenant_id, stream_id, (extract(epoch from at) * 1000000)::bigint, correlation_id, causation_id,
        case when jsonb_typeof(headers) = 'object' then headers - 'hash' else nullif(headers, 'null') end)::text
$$;
