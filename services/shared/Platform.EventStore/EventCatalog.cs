namespace Platform.EventStore;

/// <summary>Every event type of a service with its stored name, and the one way in which events become JSON.</summary>
public sealed class EventCatalog
{
    /// <summary>All sealed records of the assemblies that derive from one of the given base records.</summary>
    public static EventCatalog Of(params Type[] eventBases) => throw new NotImplementedException(eventBases.Length.ToString());

    /// <summary>Event types by stored name.</summary>
    public IReadOnlyDictionary<string, Type> Types => throw new NotImplementedException();
}
