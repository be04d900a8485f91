using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Platform.Ingestion.Windows;

/// <summary>
/// Who told of one object since the windows opened: how coarsely it was sampled, and the numbers of the first <see cref="Most"/> exporters. Datagrams come in any
/// order, so where there are more, all of them are named in the course of some seconds.
/// </summary>
internal struct Tellers
{
    public const int Most = 8;

    private uint _rate;
    private ushort _last; // datagrams of one exporter come in a row
    private ushort _count;
    private Numbers _numbers;

    /// <summary>Of the coarsest: one packet in so many; 0: nobody told of it.</summary>
    public readonly uint Rate => _rate;

    /// <summary>Numbers of <see cref="ExporterNumbers"/>. May be read while another thread notes more: then the last one may be 0, which is nobody's.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<ushort> Exporters => ((ReadOnlySpan<ushort>)_numbers)[.._count];

    /// <param name="exporter">Number of who told; 0: nobody knows.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Note(uint rate, ushort exporter)
    {
        _rate = Math.Max(_rate, rate);
        if (exporter != _last)
        {
            NoteOther(exporter);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NoteOther(ushort exporter)
    {
        _last = exporter;
        if (_count < Most && exporter != 0 && !Exporters.Contains(exporter))
        {
            _numbers[_count] = exporter;
            _count++;
        }
    }

    [InlineArray(Most)]
    private struct Numbers
    {
        private ushort _first;
    }
}

/// <summary>Short numbers of exporters, from 1, for one receiving thread.</summary>
internal sealed class ExporterNumbers
{
    private const int Least = 64;

    private readonly Dictionary<Guid, ushort> _numbers = [];
    private Guid[] _exporters = new Guid[Least];

    /// <summary>By number; 0 is nobody. May be read by another thread: what stands in it stays, and what has no place goes into a new one.</summary>
    public Guid[] Exporters => _exporters;

    /// <summary>Time to begin anew, before there are more than a number can tell: exporters come and go.</summary>
    public bool IsWorn => _numbers.Count > ushort.MaxValue / 2;

    /// <summary>Its number; 0 when there are too many.</summary>
    public ushort Of(Guid exporter)
    {
        if (_numbers.TryGetValue(exporter, out var number) || _numbers.Count == ushort.MaxValue - 1)
        {
            return number;
        }

        number = (ushort)(_numbers.Count + 1);
        if (number == _exporters.Length)
        {
            Array.Resize(ref _exporters, 2 * number);
        }

        _exporters[number] = exporter;
        _numbers.Add(exporter, number);
        return number;
    }
}
