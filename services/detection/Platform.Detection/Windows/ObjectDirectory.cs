using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Npgsql;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;

namespace Platform.Detection.Windows;

/// <summary>The protected objects in memory, following the view: a change counts within half a second.</summary>
internal sealed class ObjectDirectory(NpgsqlDataSource database, ILogger<ObjectDirectory> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private readonly ConcurrentDictionary<Guid, WatchedObject> _objects = [];
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _seen;

    /// <summary>Completes when every object was read once.</summary>
    public Task Complete => _complete.Task;

    /// <summary>Of each contract with several objects the object <c>default</c>.</summary>
    public IEnumerable<WatchedObject> SharedContracts() =>
        _objects.Values.Where(known => known is { IsDefault: true, IsShared: true, IsRetired: false });

    /// <summary>Every object, also those that are not watched any more.</summary>
    public IEnumerable<WatchedObject> All => _objects.Values;

    public WatchedObject? Find(Guid objectId) => _objects.GetValueOrDefault(objectId);

    /// <summary>Reads what changed since the last time.</summary>
    public async Task Refresh(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select tenant_id, object_id, service_code, thresholds, retired_at is not null, changed_at, prefixes, settings, name
            from views.protected_objects_v1
            where changed_at > $1
            order by changed_at
            """);
        command.Parameters.Add(new() { Value = _seen });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var changed = new HashSet<(Guid Tenant, string ServiceCode)>();
        while (await reader.ReadAsync(cancellation))
        {
            var thresholds = JsonSerializer.Deserialize<Threshold[]>(reader.GetString(3))!;
            var id = reader.GetGuid(1);
            var settings = JsonSerializer.Deserialize<ObjectSettings>(reader.GetString(7), EventCatalog.Json)!;
            var known = _objects.GetValueOrDefault(id);
            _objects[id] = new WatchedObject(
                reader.GetGuid(0),
                id,
                reader.GetString(2),
                thresholds,
                reader.GetBoolean(4),
                [.. reader.GetFieldValue<string[]>(6).Select(prefix => NetworkKey.Of(IPNetwork.Parse(prefix)))],
                settings,
                IsDefault: reader.GetString(8) == ProtectedObjectDecider.DefaultName,
                IsShared: known?.IsShared == true,
                Others: known?.Others); // until they are looked at below
            changed.Add((reader.GetGuid(0), reader.GetString(2)));
            _seen = reader.GetInt64(5);
        }

        Share(changed);
        _complete.TrySetResult();
    }

    /// <summary>Objects of these contracts know whether they are alone, and what of their prefixes is another's.</summary>
    private void Share(HashSet<(Guid Tenant, string ServiceCode)> contracts)
    {
        foreach (var siblings in _objects.Values.Where(known => contracts.Contains((known.TenantId, known.ServiceCode)))
            .GroupBy(known => (known.TenantId, known.ServiceCode)))
        {
            var watched = siblings.Where(known => !known.IsRetired).ToArray();
            foreach (var known in siblings)
            {
                var its = known with { IsShared = watched.Length > 1, Others = OthersIn(known, watched) };
                if (its.IsShared != known.IsShared || its.Ground != known.Ground)
                {
                    _objects[known.ObjectId] = its;
                }
            }
        }
    }

    private static IReadOnlyList<NetworkKey> OthersIn(WatchedObject its, IEnumerable<WatchedObject> watched) =>
        WatchedObject.OthersIn(its.Prefixes, watched.Where(other => other.ObjectId != its.ObjectId).SelectMany(other => other.Prefixes ?? []));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval);
        do
        {
            try
            {
                await Refresh(stoppingToken);
            }
            catch (NpgsqlException unreachable) when (!stoppingToken.IsCancellationRequested)
            {
                log.DatabaseAway("protected objects", unreachable.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
