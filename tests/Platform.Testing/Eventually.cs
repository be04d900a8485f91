using System.Diagnostics;
using Xunit.Sdk;

namespace Platform.Testing;

/// <summary>Waits for something that another process or thread brings about. Never sleep instead.</summary>
public static class Eventually
{
    private static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(15);

    /// <summary>Looks until the observation satisfies the condition and gives it back; the failure message holds the last one.</summary>
    /// <param name="observe">What to look at; may throw while it is not there yet.</param>
    /// <param name="until">When to stop.</param>
    /// <param name="within">Deadline, 15 s when not given. A bound for failure, never a measurement.</param>
    /// <param name="what">In words, what is awaited.</param>
    public static async Task<T> Get<T>(
        Func<Task<T>> observe, Func<T, bool> until, TimeSpan? within = null, string? what = null)
    {
        var deadline = within ?? DefaultDeadline;
        var since = Stopwatch.StartNew();
        while (true)
        {
            string last;
            Exception? cause = null;
            try
            {
                var seen = await observe();
                if (until(seen))
                {
                    return seen;
                }

                last = Describe(seen);
            }
            catch (Exception e) when (e is not XunitException)
            {
                (last, cause) = ($"{e.GetType().Name}: {e.Message}", e);
            }

            if (since.Elapsed > deadline)
            {
                throw new XunitException(
                    $"Waited {deadline.TotalSeconds:0.#} s{(what is null ? "" : $" for {what}")}. Last seen: {last}", cause);
            }

            await Task.Delay(since.Elapsed < TimeSpan.FromSeconds(1) ? 10 : 100);
        }
    }

    /// <inheritdoc cref="Get{T}(Func{Task{T}}, Func{T, bool}, TimeSpan?, string?)"/>
    public static Task<T> Get<T>(Func<T> observe, Func<T, bool> until, TimeSpan? within = null, string? what = null) =>
        Get(() => Task.FromResult(observe()), until, within, what);

    /// <summary>Looks until the observation equals the expected value.</summary>
    public static Task Equal<T>(T expected, Func<Task<T>> observe, TimeSpan? within = null) =>
        Get(observe, seen => EqualityComparer<T>.Default.Equals(seen, expected), within, Describe(expected));

    /// <inheritdoc cref="Equal{T}(T, Func{Task{T}}, TimeSpan?)"/>
    public static Task Equal<T>(T expected, Func<T> observe, TimeSpan? within = null) =>
        Equal(expected, () => Task.FromResult(observe()), within);

    /// <summary>Looks until the condition holds.</summary>
    public static Task True(Func<Task<bool>> condition, TimeSpan? within = null, string? what = null) =>
        Get(condition, seen => seen, within, what);

    /// <inheritdoc cref="True(Func{Task{bool}}, TimeSpan?, string?)"/>
    public static Task True(Func<bool> condition, TimeSpan? within = null, string? what = null) =>
        Get(condition, seen => seen, within, what);

    /// <summary>Tries until the action no longer throws; its own assertions count.</summary>
    public static async Task Passes(Func<Task> action, TimeSpan? within = null) => await Get(
        async () =>
        {
            try
            {
                await action();
                return "";
            }
            catch (Exception e)
            {
                return e.Message;
            }
        },
        failure => failure.Length == 0,
        within);

    private static string Describe<T>(T seen) => seen switch
    {
        null => "null",
        string text => $"\"{text}\"",
        System.Collections.IEnumerable many => $"[{string.Join(", ", many.Cast<object?>())}]",
        _ => seen.ToString() ?? "",
    };
}
