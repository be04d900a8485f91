using Platform.Contracts.Retention.V1;
using Platform.EventStore;

namespace Platform.Hosting.Erasures;

/// <summary>What an owner of data does when the term of a contract's data has come.</summary>
public interface IContractEraser
{
    /// <summary>The owner, as retention knows it: the service's name.</summary>
    string Owner { get; }

    /// <summary>The classes of data that this owner holds and erases. It is not asked when a request names none of them.</summary>
    IReadOnlyList<string> DataClasses { get; }

    /// <summary>Erases everything of the contract in the owner's classes. May be asked again after a crash, and then goes on.</summary>
    /// <param name="due">Whose data, and the erasure's identity.</param>
    /// <param name="cause">Why: to be carried by events that erasing brings about.</param>
    /// <param name="cancellationToken">Stops the attempt; it is made again.</param>
    /// <returns>Kind of stream or row to number that this erasure has taken in all, earlier attempts included.</returns>
    Task<IReadOnlyDictionary<string, long>> EraseContract(ErasureDue due, Cause cause, CancellationToken cancellationToken);
}
