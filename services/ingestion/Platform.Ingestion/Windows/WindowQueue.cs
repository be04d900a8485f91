using System.Threading.Channels;

namespace Platform.Ingestion.Windows;

/// <summary>Windows between the receiving threads and the sender. Bounded in number and in rows; never blocks who adds.</summary>
internal sealed class WindowQueue
{
    private const int Most = 16;
    private const int MostRows = 500_000;

    private readonly Channel<FilledWindows> _channel = Channel.CreateBounded<FilledWindows>(Most);
    private int _rows;

    /// <summary>Whether more windows are welcome; one that is larger than the limit by itself goes in when nothing else waits.</summary>
    public bool HasRoom => _channel.Reader.Count is var waiting && (waiting == 0 || (waiting < Most / 2 && Volatile.Read(ref _rows) < MostRows));

    public bool TryAdd(FilledWindows filled)
    {
        if (!_channel.Writer.TryWrite(filled))
        {
            return false;
        }

        Interlocked.Add(ref _rows, filled.Count);
        return true;
    }

    public async IAsyncEnumerable<FilledWindows> TakeAll()
    {
        await foreach (var filled in _channel.Reader.ReadAllAsync())
        {
            Interlocked.Add(ref _rows, -filled.Count);
            yield return filled;
        }
    }

    /// <summary>Nothing more will come: <see cref="TakeAll"/> ends after the last.</summary>
    public void Complete() => _channel.Writer.TryComplete();
}
