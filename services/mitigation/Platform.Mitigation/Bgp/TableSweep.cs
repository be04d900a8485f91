using System.Diagnostics;
using Grpc.Core;

namespace Platform.Mitigation.Bgp;

/// <summary>
/// Reads all of a speaker's table. A small one is there at once; one with the routes of the world is read beside the work, and then left alone for ten times
/// as long, so that a speaker is not busy with being looked at.
/// </summary>
/// <param name="patience">How long a table may take that counts as small.</param>
internal sealed class TableSweep(TimeSpan patience)
{
    private const int Rest = 10;
    private readonly Stopwatch _since = new();
    private TimeSpan _rest;
    private Task<List<SpeakerRoute>>? _reading;

    /// <summary>Prefixes of what was ours when all of it was read last.</summary>
    public IReadOnlyCollection<string> Seen { get; private set; } = [];

    /// <summary>Everything of ours, when the table is small; null when its reading goes on or rests.</summary>
    public async Task<IReadOnlyList<SpeakerRoute>?> Look(Func<Task<List<SpeakerRoute>>> read)
    {
        if (_reading is { IsCompleted: false } || (_reading is null && _since.IsRunning && _since.Elapsed < _rest))
        {
            return null;
        }

        if (_reading is { } late)
        {
            _reading = null;
            try
            {
                Saw(await late); // too old to say what is there now
            }
            catch (RpcException)
            {
                // Whether the speaker answers, the work beside it finds out.
            }

            return null;
        }

        _since.Restart();
        _reading = Timed(read);
        if (await Task.WhenAny(_reading, Task.Delay(patience)) != _reading)
        {
            return null;
        }

        var soon = _reading;
        _reading = null;
        Saw(await soon);
        return await soon;
    }

    private async Task<List<SpeakerRoute>> Timed(Func<Task<List<SpeakerRoute>>> read)
    {
        try
        {
            return await read();
        }
        finally
        {
            var took = _since.Elapsed;
            _rest = took > patience ? took + Rest * took : TimeSpan.Zero;
        }
    }

    private void Saw(List<SpeakerRoute> own) => Seen = own.Select(route => route.Place).ToHashSet();
}
