-- What was erased stays erased, also in what someone had read before and writes after.

-- How many steps erasures have taken. Whoever derives rows from events notes it with what he reads.
create table platform.erasing (steps bigint not null);
insert into platform.erasing (steps) values (0);

-- Before the effects of a step: waits for those who write what they read before it, and refuses them from now on.
create function platform.note_erasure() returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('platform.erasing', 0));
    update platform.erasing set steps = steps + 1;
end
$$;

-- Fails with everything around it when something was erased since then; else no erasure takes a step before this transaction has ended.
create function platform.unerased_since(p_steps bigint) returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('platform.erasing', 0));
    if p_steps <> (select steps from platform.erasing) then
        raise exception 'Something was erased since the events were read.' using errcode = '40001';
    end if;
end
$$;

-- As before, for who writes no rows (null), and for who does. The default is for replicas of the version before.
drop function platform.advance(varchar, bigint, bigint);
create function platform.advance(p_name varchar, p_from bigint, p_to bigint, p_steps bigint default null) returns void language plpgsql as $$
begin
    update platform.checkpoints set position = p_to where name = p_name and position = p_from;
    if not found then
        raise exception 'The checkpoint % is not at % any more: another reader moved it.', p_name, p_from using errcode = '40001';
    end if;
    if p_steps is not null then
        perform platform.unerased_since(p_steps);
    end if;
end
$$;

-- As before, noted as a step.
create or replace function platform.erase(p_tenant varchar, p_stream varchar, p_erasure uuid, p_at timestamptz) returns bigint
language plpgsql as $$
declare
    erased bigint;
begin
    perform from events.mt_streams where tenant_id = p_tenant and id = p_stream for update;
    if not found then
        return null;
    end if;
    perform platform.note_erasure();
    delete from events.mt_events where tenant_id = p_tenant and stream_id = p_stream;
    get diagnostics erased = row_count;
    delete from platform.inbox where tenant_id = p_tenant and stream_id = p_stream;
    delete from events.mt_streams where tenant_id = p_tenant and id = p_stream;
    insert into platform.erased_streams (tenant_id, stream_id, erasure_id, events, erased_at)
    values (p_tenant, p_stream, p_erasure, erased, p_at)
    on conflict (tenant_id, stream_id, erasure_id) do update set events = erased_streams.events + excluded.events;
    return erased;
end
$$;

-- Destroys one data key. Where there is none, it leaves the row that keeps it from being made, and nobody has destroyed it.
create function platform.destroy_key(p_tenant varchar, p_scope varchar, p_erasure uuid, p_at timestamptz) returns void language plpgsql as $$
begin
    perform platform.note_erasure();
    insert into platform.keys (tenant_id, scope, created_at, destroyed_at) values (p_tenant, p_scope, p_at, p_at)
    on conflict (tenant_id, scope) do update set wrapped = null, destroyed_at = p_at, destroyed_by = p_erasure
     where keys.wrapped is not null;
end
$$;

-- Drops what rebuilds left half done: it shows what was erased since. A rebuild that runs holds its reader's lock, and begins again.
create function platform.drop_left_copies() returns void language plpgsql as $$
declare
    unfinished name;
    reader text;
begin
    for unfinished in select nspname from pg_namespace where nspname like 'rebuild\_%' loop
        reader := substr(unfinished, length('rebuild_') + 1) || ':rebuild';
        if pg_try_advisory_xact_lock(hashtextextended('platform.feed:' || reader, 0)) then
            execute format('drop schema if exists %I cascade', unfinished);
            delete from platform.checkpoints where name = reader;
        end if;
    end loop;
end
$$;
