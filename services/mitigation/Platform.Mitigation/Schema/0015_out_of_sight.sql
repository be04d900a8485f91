-- Since when detection hears no telemetry of the attack: nobody knows whether it is over.
alter table views.mitigations_v1 add column sight_lost_at timestamptz;
