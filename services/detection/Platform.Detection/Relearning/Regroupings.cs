using System.Diagnostics;
using Platform.Detection.ProtectedObjects;
using Platform.Detection.Windows;

namespace Platform.Detection.Relearning;

/// <summary>Query: since when an object has had the addresses that it has now, from its contract's events: the record is the history.</summary>
internal static class Regroupings
{
    /// <summary>When they changed last: its own prefixes, or what of them is another object's. Null: they are what it began with.</summary>
    public static DateTimeOffset? Last(Guid objectId, IEnumerable<ProtectedObjectEvent> happened)
    {
        var (state, ground, last) = (ProtectedObjectState.Stream.Initial, (string?)null, (DateTimeOffset?)null);
        foreach (var one in happened)
        {
            var before = state;
            state = ProtectedObjectState.Evolve(before, one);
            var (changed, at) = Of(one);
            if (!state.Objects.TryGetValue(objectId, out var content) || HasTheSame(before, state, changed))
            {
                continue;
            }

            var now = GroundOf(content, state);
            (last, ground) = (ground is null || ground == now ? last : at, now);
        }

        return last;
    }

    private static (Guid ObjectId, DateTimeOffset At) Of(ProtectedObjectEvent happened) => happened switch
    {
        ProtectedObjectAdded e => (e.Content.ObjectId, e.AddedAt),
        ContractFollowed e => (e.Content.ObjectId, e.ChangedAt),
        ThresholdsChanged e => (e.Content.ObjectId, e.ChangedAt),
        ProtectedObjectRetired e => (e.ObjectId, e.RetiredAt),
        _ => throw new UnreachableException($"{happened.GetType().Name} is not part of the protected-object stream."),
    };

    /// <summary>Nearly always: most changes are of thresholds.</summary>
    private static bool HasTheSame(ProtectedObjectState before, ProtectedObjectState after, Guid objectId) =>
        before.Retired.Count == after.Retired.Count
        && before.Objects.TryGetValue(objectId, out var old) && old.Prefixes.SequenceEqual(after.Objects[objectId].Prefixes);

    private static string GroundOf(ObjectContent content, ProtectedObjectState state) => WatchedObject.GroundOf(
        [.. content.Prefixes.Select(NetworkKey.Of)],
        state.Objects.Values.Where(other => other.ObjectId != content.ObjectId && !state.Retired.Contains(other.ObjectId))
            .SelectMany(other => other.Prefixes).Select(NetworkKey.Of));
}
