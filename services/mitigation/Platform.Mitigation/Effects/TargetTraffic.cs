using System.Net;
using Google.Protobuf.Reflection;
using Platform.Contracts.Grpc.Telemetry.V1;

namespace Platform.Mitigation.Effects;

/// <summary>What arrives at targets that are defended, by second and vector, as ingestion tells it. In memory: a measurement that is lost is taken anew.</summary>
internal sealed class TargetTraffic
{
    /// <summary>All traffic, as detection calls it.</summary>
    public const string Total = "total";

    private const int KeptSeconds = 120;

    private static readonly Dictionary<string, Vector> Vectors = TelemetryReflection.Descriptor.EnumTypes.Single(type => type.Name == nameof(Vector)).Values
        .ToDictionary(NameOf, value => (Vector)value.Number);

    private readonly Lock _lock = new();
    private readonly Dictionary<IPNetwork, SortedDictionary<long, Dictionary<Vector, ulong>>> _targets = [];
    private readonly SortedSet<long> _heard = []; // seconds in which telemetry arrived, of whatever traffic

    /// <summary>From now on these, and no others.</summary>
    public void Watch(IReadOnlySet<IPNetwork> targets)
    {
        lock (_lock)
        {
            foreach (var gone in _targets.Keys.Where(target => !targets.Contains(target)).ToList())
            {
                _targets.Remove(gone);
            }

            foreach (var target in targets)
            {
                _targets.TryAdd(target, []);
            }
        }
    }

    /// <summary>Ingestion says that it heard telemetry then (UTC).</summary>
    public void Hear(DateTimeOffset at)
    {
        lock (_lock)
        {
            Hear(at.ToUnixTimeSeconds());
        }
    }

    /// <summary>Whether telemetry was there all the time: else no traffic means only that nobody told of it.</summary>
    /// <param name="until">End, exclusive (UTC).</param>
    /// <param name="length">How long before it begins.</param>
    /// <param name="silence">Longest break that means nothing.</param>
    public bool IsHeard(DateTimeOffset until, TimeSpan length, TimeSpan silence)
    {
        var (last, longest) = ((until - length).ToUnixTimeSeconds(), (long)silence.TotalSeconds);
        lock (_lock)
        {
            foreach (var second in _heard.Where(second => second >= last - longest))
            {
                if (second - last > longest)
                {
                    return false;
                }

                last = Math.Max(last, second);
            }

            return _heard.Count > 0 && _heard.Max >= until.ToUnixTimeSeconds() - longest;
        }
    }

    /// <summary>Increments: several for the same host and second are added up.</summary>
    public void Add(TrafficWindowBatch batch)
    {
        lock (_lock)
        {
            foreach (var window in batch.Windows.Where(window => window.Host.Length is 4 or 16))
            {
                var host = new IPAddress(window.Host.Span);
                Hear(window.Second);
                foreach (var seconds in _targets.Where(target => target.Key.Contains(host)).Select(target => target.Value))
                {
                    if (!seconds.TryGetValue(window.Second, out var bytes))
                    {
                        seconds[window.Second] = bytes = [];
                        while (seconds.Count > KeptSeconds)
                        {
                            seconds.Remove(seconds.First().Key);
                        }
                    }

                    Count(bytes, Vector.Unspecified, window.Total);
                    foreach (var vector in window.Vectors)
                    {
                        Count(bytes, vector.Vector, vector.Counters);
                    }
                }
            }
        }
    }

    /// <summary>The same of several targets together, none of which is a part of another.</summary>
    public long BitsPerSecond(IEnumerable<IPNetwork> targets, string vector, DateTimeOffset until, TimeSpan length) =>
        targets.Sum(target => BitsPerSecond(target, vector, until, length));

    /// <summary>Mean rate of a vector, in bits per second. What nothing was told of is 0.</summary>
    /// <param name="target">A watched target.</param>
    /// <param name="vector">Name as in facts; one that telemetry does not know is all traffic.</param>
    /// <param name="until">End, exclusive (UTC).</param>
    /// <param name="length">How long before it begins.</param>
    public long BitsPerSecond(IPNetwork target, string vector, DateTimeOffset until, TimeSpan length)
    {
        var (first, end) = ((until - length).ToUnixTimeSeconds(), until.ToUnixTimeSeconds());
        var asked = Vectors.GetValueOrDefault(vector, Vector.Unspecified);
        lock (_lock)
        {
            return _targets.TryGetValue(target, out var seconds) && end > first
                ? seconds.Where(second => second.Key >= first && second.Key < end).Sum(second => (long)second.Value.GetValueOrDefault(asked)) * 8 / (end - first)
                : 0;
        }
    }

    private void Hear(long second)
    {
        _heard.Add(second);
        while (_heard.Count > KeptSeconds)
        {
            _heard.Remove(_heard.Min);
        }
    }

    private static void Count(Dictionary<Vector, ulong> bytes, Vector vector, Counters? counters) =>
        bytes[vector] = bytes.GetValueOrDefault(vector) + (counters?.Bytes ?? 0);

    /// <summary>As telemetry.proto says: without the prefix, in lower case, with hyphens.</summary>
    private static string NameOf(EnumValueDescriptor value) =>
        value.Number == 0 ? Total : value.Name["VECTOR_".Length..].ToLowerInvariant().Replace('_', '-');
}
