using Platform.EventStore;

namespace Platform.Detection.ProtectedObjects;

/// <summary>Query: the stream that holds an object, from the streams themselves: an object can be changed as soon as it was added.</summary>
internal static class ObjectStreams
{
    /// <summary>Key and state of the contract that has the object; a state that does not know it when the tenant has none.</summary>
    public static Task<(string Key, ProtectedObjectState State)> Find(TenantSession session, Guid objectId, CancellationToken cancellation) =>
        Find(session, objectId.ToString(), state => state.Objects.ContainsKey(objectId), cancellation);

    /// <summary>The same of a contract; a state without objects when the tenant has none.</summary>
    public static Task<(string Key, ProtectedObjectState State)> Find(TenantSession session, string serviceCode, CancellationToken cancellation) =>
        Find(session, Guid.Empty.ToString(), state => state.ServiceCode == serviceCode, cancellation);

    /// <summary>The object <c>default</c>, the most frequent, has its contract's id; a tenant has a few contracts.</summary>
    private static async Task<(string Key, ProtectedObjectState State)> Find(
        TenantSession session, string guess, Func<ProtectedObjectState, bool> isIt, CancellationToken cancellation)
    {
        var (guessed, _) = await session.Load(ProtectedObjectState.Stream, guess, cancellation);
        if (isIt(guessed))
        {
            return (guess, guessed);
        }

        foreach (var key in await session.Keys(ProtectedObjectState.Stream, cancellation))
        {
            var (state, _) = await session.Load(ProtectedObjectState.Stream, key, cancellation);
            if (isIt(state))
            {
                return (key, state);
            }
        }

        return (guess, ProtectedObjectState.Stream.Initial);
    }
}
