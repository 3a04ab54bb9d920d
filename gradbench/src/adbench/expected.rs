//! Results held against what `expected.json` says of them: vectors against their sums and their ends.

use crate::evals::run::require;
use chainrule::sparse::Csr;
use serde_json::Value;

/// How near a number must be, by ADBench's measure: absolute near 0, else relative.
const TOLERANCE: f64 = 1e-10;

fn number(name: &str, expected: &Value) -> Result<f64, String> {
    expected.as_f64().ok_or_else(|| format!("`{name}`: {expected} is no number"))
}

/// That a number is near another.
pub fn near(name: &str, value: f64, expected: &Value) -> Result<(), String> {
    let expected = number(name, expected)?;
    let error = (value - expected).abs() / (value.abs() + expected.abs()).max(1.0);
    require(error <= TOLERANCE, || format!("`{name}` is {value} instead of {expected}"))
}

/// That the numbers of a list are near those of another.
fn all_near(name: &str, values: &[f64], expected: &Value) -> Result<(), String> {
    let expected = expected.as_array().ok_or_else(|| format!("`{name}` has no list"))?;
    require(values.len() == expected.len(), || format!("`{name}` has {} elements", values.len()))?;
    values.iter().zip(expected).try_for_each(|(value, expected)| near(name, *value, expected))
}

/// That a vector has the properties that are listed of another.
pub fn summary(name: &str, values: &[f64], expected: &Value) -> Result<(), String> {
    let ends = |end: &str| expected[end].as_array().map_or(0, Vec::len);
    let (first, last) = (ends("first"), ends("last"));
    require(expected["len"] == values.len() && first.max(last) <= values.len(), || {
        format!("`{name}` has {} elements instead of {}", values.len(), expected["len"])
    })?;
    if first > 0 {
        all_near(name, &values[..first], &expected["first"])?;
    }
    if last > 0 {
        all_near(name, &values[values.len() - last..], &expected["last"])?;
    }
    let sum_abs = values.iter().map(|v| v.abs()).sum::<f64>();
    let sums = [
        ("sum", values.iter().sum::<f64>()),
        ("sum_abs", sum_abs),
        ("norm2", values.iter().map(|v| v * v).sum::<f64>().sqrt()),
        ("max_abs", values.iter().fold(0.0, |most: f64, v| most.max(v.abs()))),
        ("wsum", values.iter().enumerate().map(|(i, v)| v * weight(i)).sum::<f64>()),
    ];
    for (what, value) in sums {
        let expected = number(name, &expected[what])?;
        require((value - expected).abs() <= TOLERANCE * sum_abs, || {
            format!("`{what}` of `{name}` is {value} instead of {expected}")
        })?;
    }
    Ok(())
}

/// The weight of an element in a sum that finds out elements in a wrong order.
fn weight(i: usize) -> f64 {
    1.0 + (i * 7919 % 1009) as f64 / 1009.0
}

/// That a sparse Jacobian is the expected one.
pub fn sparse(jacobian: &Csr, expected: &Value) -> Result<(), String> {
    let Csr { rows, columns, values, .. } = jacobian;
    let same = |name: &str, value: usize| {
        require(expected[name] == value, || format!("`{name}` is {value} instead of {}", expected[name]))
    };
    same("nrows", rows.len() - 1)?;
    same("nnz", columns.len())?;
    same("rows_sum", rows.iter().sum())?;
    same("cols_sum", columns.iter().sum())?;
    let columns: Vec<f64> = columns.iter().map(|c| *c as f64).collect();
    near("cols_wsum", columns.iter().enumerate().map(|(i, c)| c * weight(i)).sum(), &expected["cols_wsum"])?;
    all_near("cols_first15", &columns[..15], &expected["cols_first15"])?;
    summary("vals", values, &expected["vals"])?;
    let p = (rows.len() - 1) / 3;
    summary("vals_wpart", &values[values.len() - p..], &expected["vals_wpart"])
}

/// That a dense Jacobian, given by its rows, is the expected one.
pub fn dense(rows: &[Vec<f64>], expected: &Value) -> Result<(), String> {
    let width = rows.first().map_or(0, Vec::len);
    require(expected["nrows"] == rows.len() && expected["ncols"] == width, || {
        format!("the Jacobian is {} × {width}", rows.len())
    })?;
    let columns: Vec<Vec<f64>> = (0..width).map(|c| rows.iter().map(|row| row[c]).collect()).collect();
    summary("colmajor", &columns.concat(), &expected["colmajor"])?;
    all_near("row0", &rows[0], &expected["row0"])?;
    all_near("row_last", &rows[rows.len() - 1], &expected["row_last"])?;
    let norm = |c: &Vec<f64>| c.iter().map(|v| v * v).sum::<f64>().sqrt();
    all_near("col_norms", &columns.iter().map(norm).collect::<Vec<_>>(), &expected["col_norms"])?;
    all_near("col_sums", &columns.iter().map(|c| c.iter().sum()).collect::<Vec<_>>(), &expected["col_sums"])
}
